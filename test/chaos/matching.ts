/** Which attempt each paid call belongs to. */
import type { AttemptSeen, JobSeen, PaidCallSeen } from './evidence.ts';

export interface StageAttempt extends AttemptSeen {
  /** Index of the stage: as many attempts before it have landed. */
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
  /** Paid for, and no attempt accounts for it. */
  readonly unaccounted: readonly PaidCallSeen[];
}

/** States in which the provider may keep the money. */
const KEPT: ReadonlySet<string> = new Set(['succeeded', 'running', 'lost']);

export const mayBeCharged = ({ state, kind }: PaidCallSeen): boolean =>
  KEPT.has(state) || (state === 'empty' && kind === 'video');

/**
 * Calls of one stage to its attempts: by the attempt's prefix or the operation's name where there is one; a call whose
 * answer was lost, or that has no operation, to an attempt that nothing else explains.
 */
export function matchStage(attempts: readonly AttemptSeen[], calls: readonly PaidCallSeen[]): Matched {
  const callsOf = new Map<string, PaidCallSeen[]>();
  const give = (attemptId: string, call: PaidCallSeen): void => {
    callsOf.set(attemptId, [...(callsOf.get(attemptId) ?? []), call]);
  };
  const rest: PaidCallSeen[] = [];
  for (const call of calls) {
    const named = attempts.find(
      ({ id, operationName }) => prefixOwner(call) === id || operationName === answeredName(call),
    );
    if (named) give(named.id, call);
    else rest.push(call);
  }
  const unaccounted: PaidCallSeen[] = [];
  for (const call of rest) {
    const owner =
      prefixOwner(call) === undefined
        ? attempts.find((attempt) => !callsOf.has(attempt.id) && explains(attempt, call))
        : undefined;
    if (owner) give(owner.id, call);
    else unaccounted.push(call);
  }
  return { callsOf, unaccounted };
}

/** The ledger has the resource's name; the Interactions API answers with its last part. */
const answeredName = ({ operationName }: PaidCallSeen): string =>
  operationName.replace(/^interactions\//, '');

/** The attempt whose prefix the call was told to write to. */
function prefixOwner({ storageUri }: PaidCallSeen): string | undefined {
  const [, attemptId] = /^gs:\/\/[^/]+\/jobs\/[^/]+\/([^/]+)\/?$/.exec(storageUri ?? '') ?? [];
  return attemptId;
}

const explains = ({ operationName, charged }: AttemptSeen, call: PaidCallSeen): boolean =>
  operationName === undefined && (charged !== 'no' || !mayBeCharged(call));
