/**
 * Settings of model-based tests. A failure prints its seed, path and replayPath: set `FC_SEED`, `FC_PATH` and
 * `FC_REPLAY` to repeat it (see `replay.ts`). `FC_RUNS` sets the number of runs.
 */
import fc from 'fast-check';

const { FC_SEED, FC_REPLAY, FC_RUNS } = process.env;

/**
 * A search ends here with the runs it has made, so that a busy machine makes fewer runs and fails no test. fast-check
 * fails a search without any run: at a load of 28 on two cores 30 s were too few for one.
 */
const SEARCH_MS = FC_RUNS === undefined ? 240_000 : 3_600_000;
/** For a hang: the search has ended long before. */
export const MODEL_TEST_TIMEOUT_MS = SEARCH_MS + 300_000;

/** A promise of the system under test that is not settled by then never will be, however busy the machine is. */
const SETTLE_MAX_MS = 60_000;

export interface Search {
  readonly runs: number;
  /** Concurrent runs, for a system whose clients spend most of a run waiting to retry. */
  readonly lanes?: number;
  readonly maxCommands: number;
}

/** Calls `runOne` with random command sequences, and fails with the shortest failing one. */
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
  // Each lane has its own seed. A replay repeats a single lane.
  const searching = Array.from({ length: FC_SEED === undefined ? lanes : 1 }, () =>
    fc.assert(fc.asyncProperty(sequences, runOne), {
      numRuns: FC_RUNS === undefined ? Math.ceil(runs / lanes) : Number(FC_RUNS),
      interruptAfterTimeLimit: SEARCH_MS,
      markInterruptAsFailure: false,
    }),
  );
  // Waits for all lanes, so that none uses the system after the test has stopped it.
  const failed = (await Promise.allSettled(searching)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** @throws when the promise is not settled in time; `what` names the expected event */
export async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: not settled after ${SETTLE_MAX_MS / 1000} s`)),
      SETTLE_MAX_MS,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
