/** Assigns each paid call to its attempt. */
import type { AttemptSeen, JobSeen, PaidCallSeen } from './evidence.ts';

export interface StageAttempt extends AttemptSeen {
  /** The index of the stage, which is the number of earlier attempts that have landed. */
  readonly stageIndex: number;
}

export function stageAttempts({ attempts }: Pick<JobSeen, 'attempts'>): StageAttempt[] {
  let landed = 0;
  return attempts.map((attempt) => {
    const stageIndex = landed;
    if (attempt.state === 'landed') landed++;
    return { ...attempt, stageIndex };
  });
}

export interface Matched {
  readonly callsOf: ReadonlyMap<string, readonly PaidCallSeen[]>;
  /** Paid calls without an attempt. */
  readonly unaccounted: readonly PaidCallSeen[];
}

/** States in which the provider may charge the call. */
const CHARGEABLE: ReadonlySet<string> = new Set(['succeeded', 'running', 'lost']);

export const mayBeCharged = ({ state, kind }: PaidCallSeen): boolean =>
  CHARGEABLE.has(state) || (state === 'empty' && kind === 'video');

/**
 * Assigns the calls of one stage to its attempts by the attempt's prefix or the operation's name. A call whose answer
 * was lost, or that has no operation, is assigned to an attempt that has no call.
 */
export function matchStage(attempts: readonly AttemptSeen[], calls: readonly PaidCallSeen[]): Matched {
  const callsOf = new Map<string, PaidCallSeen[]>();
  const assign = (attemptId: string, call: PaidCallSeen): void => {
    callsOf.set(attemptId, [...(callsOf.get(attemptId) ?? []), call]);
  };
  const rest: PaidCallSeen[] = [];
  for (const call of calls) {
    const named = attempts.find(
      ({ id, operationName }) => prefixOwner(call) === id || operationName === answeredName(call),
    );
    if (named) assign(named.id, call);
    else rest.push(call);
  }
  const unaccounted: PaidCallSeen[] = [];
  for (const call of rest) {
    const owner =
      prefixOwner(call) === undefined
        ? attempts.find((attempt) => !callsOf.has(attempt.id) && explains(attempt, call))
        : undefined;
    if (owner) assign(owner.id, call);
    else unaccounted.push(call);
  }
  return { callsOf, unaccounted };
}

/** The ledger has the full resource name. The Interactions API returns only its last part. */
const answeredName = ({ operationName }: PaidCallSeen): string =>
  operationName.replace(/^interactions\//, '');

/** The attempt whose prefix was the output URI of the call. */
function prefixOwner({ storageUri }: PaidCallSeen): string | undefined {
  const [, attemptId] = /^gs:\/\/[^/]+\/jobs\/[^/]+\/([^/]+)\/?$/.exec(storageUri ?? '') ?? [];
  return attemptId;
}

const explains = ({ operationName, charged }: AttemptSeen, call: PaidCallSeen): boolean =>
  operationName === undefined && (charged !== 'no' || !mayBeCharged(call));
