/** Whom a chaos run kills, and when, drawn from the seed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../infra/models/random.ts';
import type { Stack } from '../../infra/stack/stack.ts';

/** The processes that the supervisor runs: the local cloud is one, with all its servers. */
export type Victim = 'functions' | 'cloud' | 'both';

export interface PlannedKill {
  readonly gapMs: number;
  readonly victim: Victim;
  /** The gap begins at the kill before, also while what that one hit still starts; otherwise when all serve again. */
  readonly isHasty: boolean;
}

export interface KillGap {
  readonly minMs: number;
  readonly maxMs: number;
}

const HASTY_SHARE = 0.3;
const SERVING_CHECK_MS = 50;

export function* planKills({ minMs, maxMs }: KillGap, random: Random): Generator<PlannedKill, never> {
  for (let wasHasty = false; ; ) {
    const gapMs = Math.round(minMs + random() * (maxMs - minMs));
    const drawn = random();
    const victim = drawn < 0.42 ? 'functions' : drawn < 0.84 ? 'cloud' : 'both';
    // Not twice in a row: on a machine where a start takes longer than the gap, nothing would ever come up.
    wasHasty = random() < HASTY_SHARE && !wasHasty;
    yield { gapMs, victim, isHasty: wasHasty };
  }
}

type Processes = Stack['processes'];

/** Kills until the deadline (of `performance.now`), and at least so often; the supervisor starts again what was killed. */
export async function killUntil(
  { deadlineMs, timesMin }: { readonly deadlineMs: number; readonly timesMin: number },
  plan: Iterable<PlannedKill>,
  { cloud, functions }: Processes,
  signal: AbortSignal,
): Promise<Record<keyof Processes, number>> {
  const done = { cloud: 0, functions: 0 };
  let times = 0;
  const isOver = (atMs: number): boolean => times >= timesMin && atMs >= deadlineMs;
  for (const { gapMs, victim, isHasty } of plan) {
    while (!isHasty && !(cloud.isServing && functions.isServing) && !isOver(performance.now()))
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
