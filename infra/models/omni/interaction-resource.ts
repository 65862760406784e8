/** The interaction resource that the API returns. */

import { refuse } from '../http/google-error.ts';
import type { Interaction } from '../operation/interaction.ts';
import type { Operation, Outcome } from '../operation/operations.ts';
import { sampleFile } from '../operation/video-files.ts';
import type { SubmissionContext } from '../veo/submission.ts';

export type InteractionStatus = 'in_progress' | 'completed' | 'failed' | 'cancelled' | 'budget_exceeded';

export interface InteractionError {
  readonly code: string;
  readonly message: string;
}

interface InteractionState {
  readonly status: InteractionStatus;
  readonly error: InteractionError | undefined;
  /** The model's text in place of a video. */
  readonly refusal: string | undefined;
}

/** An operation that was created through the Interactions API. */
export type InteractionOperation = Operation & { readonly interaction: Interaction };

export const isInteraction = (operation: Operation | undefined): operation is InteractionOperation =>
  operation?.interaction !== undefined;

export interface ResourceContext {
  readonly context: SubmissionContext;
  /** The address under which clients reach this server, without a trailing slash. */
  readonly url: () => string;
}

export const interactionNotFound = (id: string): never =>
  refuse('NOT_FOUND', `Interaction ${id} was not found.`);

/** @throws GoogleError NOT_FOUND for the simulated outcome `lost` */
export function stateOf(context: SubmissionContext, operation: InteractionOperation): InteractionState {
  const { store, now } = context;
  const state = (status: InteractionStatus, error?: InteractionError, refusal?: string) => ({
    status,
    error,
    refusal,
  });
  if (store.isCancelled(operation)) return state('cancelled');
  if (operation.outcome.kind === 'lost') return interactionNotFound(operation.interaction.id);
  if (!store.isDone(operation, now())) return state('in_progress');
  const error = operation.outcome.kind === 'error' ? operation.outcome : store.landingOf(operation)?.error;
  if (error) return state(statusOfCode(error.code), { code: nameOfCode(error.code), message: error.message });
  const reason = safetyReason(operation.outcome);
  if (reason === undefined) return state('completed');
  return operation.interaction.safetyAnswer === 'refusal'
    ? state('completed', undefined, reason)
    : state('failed', { code: 'safety', message: reason });
}

function safetyReason(outcome: Outcome): string | undefined {
  return outcome.kind === 'videos' && outcome.heldBack > 0 ? (outcome.reason ?? undefined) : undefined;
}

/** RESOURCE_EXHAUSTED maps to `budget_exceeded`, CANCELLED to `cancelled`, every other code to `failed`. */
const statusOfCode = (rpcCode: number): InteractionStatus => {
  if (rpcCode === 8) return 'budget_exceeded';
  return rpcCode === 1 ? 'cancelled' : 'failed';
};

const CODE_NAMES: Readonly<Record<number, string>> = {
  1: 'cancelled',
  3: 'invalid_request',
  4: 'deadline_exceeded',
  5: 'not_found',
  7: 'permission_denied',
  8: 'resource_exhausted',
  9: 'failed_precondition',
  13: 'internal',
  14: 'unavailable',
};

const nameOfCode = (rpcCode: number): string => CODE_NAMES[rpcCode] ?? 'unknown';

/** The state in the reply to a create, for every outcome. */
export const JUST_CREATED: InteractionState = { status: 'in_progress', error: undefined, refusal: undefined };

/** The reply to a create, a get and a cancel. */
export async function resourceOf(
  { context, url }: ResourceContext,
  operation: InteractionOperation,
  state = stateOf(context, operation),
): Promise<unknown> {
  const { interaction, acceptedAtMs } = operation;
  const { status, error, refusal } = state;
  const { labels, previousId, webhook } = interaction;
  const content =
    refusal === undefined ? await videoContent(context, url(), operation) : [{ type: 'text', text: refusal }];
  return {
    id: interaction.id,
    object: 'interaction',
    model: operation.model,
    status,
    created: toIso(acceptedAtMs),
    updated: toIso(status === 'in_progress' ? acceptedAtMs : endedAtMs(context, operation)),
    ...(previousId !== null && { previous_interaction_id: previousId }),
    ...(labels !== null && { labels }),
    ...(webhook !== null && { webhook_config: webhookConfig(webhook) }),
    ...(status === 'completed' &&
      content.length > 0 && { steps: [{ type: 'model_output', content }], usage: usageOf(operation) }),
    ...(error !== undefined && { errors: [error] }),
  };
}

const webhookConfig = ({ uris, userMetadata }: NonNullable<Interaction['webhook']>) => ({
  uris,
  ...(userMetadata !== null && { user_metadata: userMetadata }),
});

/** RFC 3339 without fractional seconds, as the API returns it. */
const toIso = (atMs: number): string => new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');

function endedAtMs({ store }: SubmissionContext, operation: Operation): number {
  return (
    store.markedAtMs(operation, 'cancelled') ??
    Math.max(operation.readyAtMs, store.landingOf(operation)?.atMs ?? 0)
  );
}

/** The URI of the finished video; undefined if there is none or if it is delivered inline. */
export function videoUri(
  context: SubmissionContext,
  url: string,
  operation: InteractionOperation,
): string | undefined {
  const [video] = context.store.landingOf(operation)?.videos ?? [];
  if (operation.interaction.delivery === 'inline' || video === undefined) return undefined;
  return video.gcsUri ?? `${url}/v1/files/${video.fileId}:download?alt=media`;
}

async function videoContent(
  context: SubmissionContext,
  url: string,
  operation: InteractionOperation,
): Promise<readonly unknown[]> {
  const { store, now, files } = context;
  const [video] = store.landingOf(operation)?.videos ?? [];
  if (video === undefined || !store.isDone(operation, now())) return [];
  const uri = videoUri(context, url, operation);
  if (uri !== undefined) return [{ type: 'video', uri, mime_type: 'video/mp4' }];
  const bytes = await files.read(sampleFile(operation.id, video.sample));
  if (bytes === undefined) return interactionNotFound(operation.interaction.id);
  return [{ type: 'video', data: bytes.toString('base64'), mime_type: 'video/mp4' }];
}

/** At 720p. TOKEN_SCALE for the other resolutions follows third-party price lists. */
const TOKENS_PER_SECOND = 5_792;
const TOKEN_SCALE = { '360p': 0.3, '720p': 1, '1080p': 1.5, '4k': 3 } as const;

function usageOf({ durationSeconds, resolution }: Operation): unknown {
  const tokens = Math.round(TOKENS_PER_SECOND * TOKEN_SCALE[resolution] * durationSeconds);
  return {
    output_tokens_by_modality: [{ modality: 'video', tokens }],
    total_output_tokens: tokens,
    total_tokens: tokens,
  };
}
