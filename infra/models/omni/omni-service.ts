/** Assembles the Interactions API with the Omni models. */

import type { ClockTimers } from '../clock-timers.ts';
import type { Credentials } from '../http/access.ts';
import type { Route } from '../http/router.ts';
import type { SubmissionContext } from '../veo/submission.ts';
import { interactionRoutes } from './interaction-surface.ts';
import { InteractionWaiter } from './interaction-waiter.ts';
import { InteractionWebhooks } from './interaction-webhooks.ts';

export interface OmniServiceOptions extends Credentials {
  readonly context: SubmissionContext;
  readonly timers: ClockTimers;
  /** The address under which clients reach this server, without a trailing slash. */
  readonly url: () => string;
  readonly onBug: (error: unknown) => void;
}

export interface OmniService {
  readonly routes: readonly Route[];
  /** Resumes the webhooks that an earlier server on the same state has not delivered. */
  readonly resume: () => void;
  /** Resolves when no webhook delivery is in progress. */
  readonly settled: () => Promise<void>;
  readonly stop: () => void;
}

export function omniService(options: OmniServiceOptions): OmniService {
  const { context, timers, url, onBug, isAccessToken, isApiKey } = options;
  const waiter = new InteractionWaiter(context.store, timers, context.now);
  const webhooks = new InteractionWebhooks({ context, url, waiter, onBug });
  const omni = { context, url, waiter, webhooks };
  return {
    routes: [...interactionRoutes({ omni, isAccessToken, isApiKey }), ...webhooks.routes()],
    resume: () => {
      for (const operation of context.store.all()) webhooks.start(operation);
    },
    settled: () => webhooks.settled(),
    stop: () => webhooks.stop(),
  };
}
