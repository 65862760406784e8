/** The ledger of paid calls as the control API returns it. */
import type { Surface } from '../catalogue.ts';
import { callSurface, type Operation, type OperationStore } from './operations.ts';

type PaidCallState =
  | 'running'
  | 'succeeded'
  /** The safety filter removed every video. */
  | 'filtered'
  | 'failed'
  /** Done, with neither videos nor a reason. */
  | 'empty'
  /** The service no longer knows the operation, or a restart interrupted the image call. */
  | 'lost'
  /** Cancelled before its video was finished: accepted, but not charged. */
  | 'cancelled';

/** One accepted call: its operation or image exists, whether or not the client received the reply. */
export interface PaidCall {
  /** An image call has no operation: its reply contains the image. */
  readonly kind: 'video' | 'image';
  /** RFC 3339. */
  readonly time: string;
  readonly surface: Surface | 'omni';
  readonly model: string;
  /** On the Developer API, a stand-in for the key's project. */
  readonly project: string;
  readonly prompt: string;
  readonly storageUri: string | null;
  /** For an image call: its id. */
  readonly operationName: string;
  readonly sampleCount: number;
  /** For an image: 0. */
  readonly durationSeconds: number;
  /** For an image: 512, 1K, 2K or 4K. */
  readonly resolution: string;
  readonly state: PaidCallState;
  /** Hexadecimal, one for each delivered video, in sample order. Empty for an image call. */
  readonly videoSha256: readonly string[];
}

export function toPaidCall(operation: Operation, store: OperationStore, nowMs: number): PaidCall {
  const { model, project, prompt, storageUri, name, sampleCount, durationSeconds, resolution } = operation;
  return {
    kind: 'video',
    time: new Date(operation.acceptedAtMs).toISOString(),
    surface: callSurface(operation),
    model,
    project,
    prompt,
    storageUri,
    operationName: name,
    sampleCount,
    durationSeconds,
    resolution,
    state: stateOf(operation, store, nowMs),
    videoSha256: store.landingOf(operation)?.videos.map(({ sha256 }) => sha256) ?? [],
  };
}

function stateOf(operation: Operation, store: OperationStore, nowMs: number): PaidCallState {
  const { outcome } = operation;
  if (store.isCancelled(operation)) return 'cancelled';
  if (outcome.kind === 'lost') return 'lost';
  if (!store.isDone(operation, nowMs)) return 'running';
  if (outcome.kind === 'error') return 'failed';
  if (outcome.kind === 'empty') return 'empty';
  if (store.landingOf(operation)?.error) return 'failed';
  return outcome.heldBack === operation.sampleCount ? 'filtered' : 'succeeded';
}
