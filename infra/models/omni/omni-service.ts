/** The Interactions API with the Omni models, put together. */

import type { Alarms } from '../alarms.ts';
import type { Credentials } from '../http/access.ts';
import type { Route } from '../http/router.ts';
import type { SubmissionContext } from '../veo/submission.ts';
import { InteractionEndings } from './interaction-endings.ts';
import { interactionRoutes } from './interaction-surface.ts';
import { InteractionWebhooks } from './interaction-webhooks.ts';

export interface OmniServiceOptions extends Credentials {
  readonly context: SubmissionContext;
  readonly alarms: Alarms;
  /** The address under which clients reach this server, without a trailing slash. */
  readonly url: () => string;
  readonly onBug: (error: unknown) => void;
}

export interface OmniService {
  readonly routes: readonly Route[];
  /** Takes up what a former server on the same state had still to tell. */
  readonly resume: () => void;
  /** Resolves when no webhook is being called. */
  readonly settled: () => Promise<void>;
  readonly stop: () => void;
}

export function omniService(options: OmniServiceOptions): OmniService {
  const { context, alarms, url, onBug, isAccessToken, isApiKey } = options;
  const endings = new InteractionEndings(context.store, alarms, context.now);
  const webhooks = new InteractionWebhooks({ context, url, endings, onBug });
  const omni = { context, url, endings, webhooks };
  return {
    routes: [...interactionRoutes({ omni, isAccessToken, isApiKey }), ...webhooks.routes()],
    resume: () => {
      for (const operation of context.store.all()) webhooks.start(operation);
    },
    settled: () => webhooks.settled(),
    stop: () => webhooks.stop(),
  };
}
