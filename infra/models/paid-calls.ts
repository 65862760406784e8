/** The ledger as others read it. */
import type { Surface } from './catalogue.ts';
import type { Operation, OperationStore } from './operations.ts';

type PaidCallState =
  | 'running'
  | 'succeeded'
  /** The safety filter held back every video. */
  | 'filtered'
  | 'failed'
  /** Done without videos and without a reason. */
  | 'empty'
  /** The service no longer knows the operation. */
  | 'lost';

/** One accepted submission: an operation exists, whatever the client saw. */
export interface PaidCall {
  /** RFC 3339. */
  readonly time: string;
  readonly surface: Surface;
  readonly model: string;
  /** On the Developer API a stand-in for the key's project. */
  readonly project: string;
  readonly prompt: string;
  readonly storageUri: string | null;
  readonly operationName: string;
  readonly sampleCount: number;
  readonly durationSeconds: number;
  readonly resolution: string;
  readonly state: PaidCallState;
}

export function toPaidCall(operation: Operation, store: OperationStore, nowMs: number): PaidCall {
  const { surface, model, project, prompt, storageUri, name, sampleCount, durationSeconds, resolution } =
    operation;
  return {
    time: new Date(operation.acceptedAtMs).toISOString(),
    surface,
    model,
    project,
    prompt,
    storageUri,
    operationName: name,
    sampleCount,
    durationSeconds,
    resolution,
    state: stateOf(operation, store, nowMs),
  };
}

function stateOf(operation: Operation, store: OperationStore, nowMs: number): PaidCallState {
  const { outcome } = operation;
  if (outcome.kind === 'lost') return 'lost';
  if (!store.isDone(operation, nowMs)) return 'running';
  if (outcome.kind === 'error') return 'failed';
  if (outcome.kind === 'empty') return 'empty';
  if (store.landingOf(operation)?.error) return 'failed';
  return outcome.heldBack === operation.sampleCount ? 'filtered' : 'succeeded';
}
