/** When a chaos run kills whom, drawn from the seed. */
import type { Random } from '../../infra/models/random.ts';
import type { Stack } from '../../infra/stack/stack.ts';

/** The processes that the supervisor runs: the local cloud is one, with all its servers. */
export const VICTIMS = ['functions', 'cloud', 'both'] as const;
export type Victim = (typeof VICTIMS)[number];

export interface PlannedKill {
  /** Of the run. */
  readonly atMs: number;
  readonly victim: Victim;
}

export interface KillGap {
  readonly minMs: number;
  readonly maxMs: number;
}

export function planKills(durationMs: number, { minMs, maxMs }: KillGap, random: Random): PlannedKill[] {
  const kills: PlannedKill[] = [];
  for (let atMs = 0; ; ) {
    atMs += Math.round(minMs + random() * (maxMs - minMs));
    if (atMs >= durationMs) return kills;
    const drawn = random();
    kills.push({ atMs, victim: drawn < 0.42 ? 'functions' : drawn < 0.84 ? 'cloud' : 'both' });
  }
}

/** The supervisor starts again what was killed. */
export function kill({ cloud, functions }: Stack['processes'], victim: Victim): void {
  if (victim !== 'functions') cloud.kill();
  if (victim !== 'cloud') functions.kill();
}
