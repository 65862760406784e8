/** Which processes a chaos run kills, and when. Drawn from the seed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../infra/models/random.ts';
import type { Stack } from '../../infra/stack/stack.ts';

/** The processes that the supervisor runs. The local cloud is one process with all its servers. */
export type Victim = 'functions' | 'cloud' | 'both';

export interface PlannedKill {
  readonly gapMs: number;
  readonly victim: Victim;
  /** The gap starts at the previous kill, so that this kill may hit a restart. Otherwise it starts when all serve again. */
  readonly isDuringRestart: boolean;
}

export interface KillGap {
  readonly minMs: number;
  readonly maxMs: number;
}

const DURING_RESTART_SHARE = 0.3;
const SERVING_CHECK_MS = 50;

export function* planKills({ minMs, maxMs }: KillGap, random: Random): Generator<PlannedKill, never> {
  for (let wasDuringRestart = false; ; ) {
    const gapMs = Math.round(minMs + random() * (maxMs - minMs));
    const drawn = random();
    const victim = drawn < 0.42 ? 'functions' : drawn < 0.84 ? 'cloud' : 'both';
    // Not twice in a row: if a start takes longer than the gap, no process would ever serve.
    wasDuringRestart = random() < DURING_RESTART_SHARE && !wasDuringRestart;
    yield { gapMs, victim, isDuringRestart: wasDuringRestart };
  }
}

type Processes = Stack['processes'];

/** Kills until the deadline (of `performance.now`) and at least `timesMin` times. The supervisor restarts processes. */
export async function killUntil(
  { deadlineMs, timesMin }: { readonly deadlineMs: number; readonly timesMin: number },
  plan: Iterable<PlannedKill>,
  { cloud, functions }: Processes,
  signal: AbortSignal,
): Promise<Record<keyof Processes, number>> {
  const done = { cloud: 0, functions: 0 };
  let times = 0;
  const isOver = (atMs: number): boolean => times >= timesMin && atMs >= deadlineMs;
  for (const { gapMs, victim, isDuringRestart } of plan) {
    while (!isDuringRestart && !(cloud.isServing && functions.isServing) && !isOver(performance.now()))
      await sleep(SERVING_CHECK_MS, undefined, { signal });
    if (isOver(performance.now() + gapMs)) break;
    await sleep(gapMs, undefined, { signal });
    times++;
    if (victim !== 'functions') {
      cloud.kill();
      done.cloud++;
    }
    if (victim !== 'cloud') {
      functions.kill();
      done.functions++;
    }
  }
  return done;
}
