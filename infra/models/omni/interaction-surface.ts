/** Routes of the Interactions API on both hosts: create, get, cancel, delete. */

import { answerWithFault } from '../fault/fault-replies.ts';
import { combineFaults } from '../fault/fault-rules.ts';
import { type Credentials, requireAccessToken, requireApiKey } from '../http/access.ts';
import { invalid, refuse } from '../http/google-error.ts';
import { jsonReply, type Reply } from '../http/reply.ts';
import type { Call, Route } from '../http/router.ts';
import { withInteractionErrors } from './interaction-error.ts';
import { type InteractionOperation, resourceOf, stateOf } from './interaction-resource.ts';
import {
  createInteraction,
  type OmniContext,
  type OmniTarget,
  requireInteraction,
} from './omni-submission.ts';

export interface InteractionOptions extends Credentials {
  readonly omni: OmniContext;
}

type Groups = Readonly<Record<string, string>>;

interface Host {
  /** The path before `/interactions`, as a regular expression. */
  readonly prefix: string;
  /** Checks the credentials and returns the target. @throws GoogleError */
  readonly target: (call: Call, groups: Groups, method: string) => OmniTarget;
}

export function interactionRoutes(options: InteractionOptions): readonly Route[] {
  const { omni } = options;
  return [developerHost(options), vertexHost(options)].flatMap(({ prefix, target }) => {
    const collection = `^${prefix}/interactions`;
    const route = (
      method: Route['method'],
      path: string,
      name: string,
      work: (target: OmniTarget, id: string, call: Call) => Promise<Reply> | Reply,
    ): Route => ({
      method,
      path: new RegExp(`${collection}${path}$`),
      handle: (call, groups) => {
        // Credentials are checked before the service receives the call: their errors use the usual error model.
        const checked = target(call, groups, name);
        return withInteractionErrors(checked.host, () => work(checked, groups['id'] ?? '', call));
      },
    });
    const id = '/(?<id>[\\w-]+)';
    return [
      route('POST', '', 'CreateInteraction', (at, _, call) => createInteraction(omni, at, call)),
      route('GET', id, 'GetInteraction', (at, key, call) => get(omni, at, key, call)),
      route('POST', `${id}/cancel`, 'CancelInteraction', (at, key) => cancel(omni, at, key)),
      route('DELETE', id, 'DeleteInteraction', (at, key) => remove(omni, at, key)),
    ];
  });
}

const developerHost = (credentials: Credentials): Host => ({
  prefix: '/(?:v1|v1beta)',
  target: (call) => ({
    host: 'developer',
    project: requireApiKey(call, credentials),
    location: null,
    parent: '',
  }),
});

const vertexHost = (credentials: Credentials): Host => ({
  prefix: '/(?:v1|v1beta1)/(?<parent>projects/(?<project>[^/]+)/locations/(?<location>[^/]+))',
  target: (call, { parent = '', project = '', location = '' }, method) => {
    requireAccessToken(call, method, credentials);
    if (location !== 'global')
      return invalid(`Interactions are served in location global only, not ${location}.`);
    return { host: 'vertex', project, location, parent: `${parent}/` };
  },
});

function get(omni: OmniContext, target: OmniTarget, id: string, call: Call): Promise<Reply> {
  const { context } = omni;
  if (call.query.get('stream') === 'true') return invalid('This simulation does not stream.');
  const operation = requireInteraction(context, target, id);
  const { name, model, prompt } = operation;
  const { transport } = combineFaults([
    ...context.directives.take(prompt, 'poll', name),
    ...context.faults.take({ call: 'poll', surface: 'omni', model, prompt }),
  ]);
  return answerWithFault(transport, model, () => reply(omni, operation));
}

const reply = async (omni: OmniContext, operation: InteractionOperation): Promise<Reply> =>
  jsonReply(await resourceOf(omni, operation));

/** Idempotent. @throws GoogleError FAILED_PRECONDITION when the interaction is already finished */
function cancel(omni: OmniContext, target: OmniTarget, id: string): Promise<Reply> {
  const { context } = omni;
  const operation = requireInteraction(context, target, id);
  const { status } = stateOf(context, operation);
  if (status === 'in_progress') context.store.mark(operation, 'cancelled', context.now());
  else if (status !== 'cancelled') {
    return refuse(
      'FAILED_PRECONDITION',
      `Interaction ${id} is ${status}: only a running one can be cancelled.`,
    );
  }
  return reply(omni, operation);
}

/** Deletes the interaction only: a running generation continues. */
function remove({ context }: OmniContext, target: OmniTarget, id: string): Reply {
  context.store.mark(requireInteraction(context, target, id), 'deleted', context.now());
  return jsonReply({});
}
