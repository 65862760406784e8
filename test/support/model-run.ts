/**
 * Settings of model-based tests. A failure prints its seed, path and replayPath; `FC_REPLAY=…` beside the `FC_SEED=…
 * FC_PATH=…` of every random test (`replay.ts`) repeats it, and `FC_RUNS=…` makes a search longer.
 */
import fc from 'fast-check';

const { FC_SEED, FC_REPLAY, FC_RUNS } = process.env;

/** A search that passes is far quicker; this leaves a failing one the time to shrink, and still to be told. */
const SEARCH_MS = FC_RUNS === undefined ? 30_000 : 3_600_000;
export const MODEL_TEST_TIMEOUT_MS = SEARCH_MS + 15_000;

/** A promise of the system under test that takes longer has been forgotten. */
const PATIENCE_MS = 3000;

export interface Search {
  readonly runs: number;
  /** Runs at a time; for a system whose clients spend most of a run waiting to try again. */
  readonly lanes?: number;
  readonly maxCommands: number;
}

/** Has `runOne` run random commands, and fails with the shortest that it fails for. */
export async function assertCommands<Model extends object, Real>(
  commands: readonly fc.Arbitrary<fc.AsyncCommand<Model, Real>>[],
  { runs, lanes = 1, maxCommands }: Search,
  runOne: (commands: Iterable<fc.AsyncCommand<Model, Real>>) => Promise<void>,
): Promise<void> {
  const sequences = fc.commands([...commands], {
    maxCommands,
    size: 'max',
    ...(FC_REPLAY === undefined ? {} : { replayPath: FC_REPLAY }),
  });
  // A lane has its own seed: a replay is one of them.
  const searching = Array.from({ length: FC_SEED === undefined ? lanes : 1 }, () =>
    fc.assert(fc.asyncProperty(sequences, runOne), {
      numRuns: FC_RUNS === undefined ? Math.ceil(runs / lanes) : Number(FC_RUNS),
      interruptAfterTimeLimit: SEARCH_MS,
      markInterruptAsFailure: true,
    }),
  );
  // All of them end before the system does.
  const failed = (await Promise.allSettled(searching)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** @throws when the promise is not settled in time; `what` says what did not come */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: nothing after ${PATIENCE_MS / 1000} s`)),
      PATIENCE_MS,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
