/** When a chaos run kills whom, drawn from the seed. */
import type { Random } from '../../infra/models/random.ts';
import type { Stack } from '../../infra/stack/stack.ts';

/** The processes that the supervisor runs: the local cloud is one, with all its servers. */
export type Victim = 'functions' | 'cloud' | 'both';

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

/**
 * Kills; the supervisor starts again what was killed. A process may be killed once while it starts, but then not until
 * it serves: on a busy machine it would never come up otherwise.
 */
export class Killer {
  readonly #processes: Stack['processes'];
  readonly #killedAtStart = new Set<keyof Stack['processes']>();
  /** Kills of one process each. */
  readonly done: Record<keyof Stack['processes'], number> = { cloud: 0, functions: 0 };
  /** Of a process that had not come up since it was killed at its start. */
  spared = 0;

  constructor(processes: Stack['processes']) {
    this.#processes = processes;
  }

  kill(victim: Victim): void {
    if (victim !== 'functions') this.#killOne('cloud');
    if (victim !== 'cloud') this.#killOne('functions');
  }

  #killOne(name: keyof Stack['processes']): void {
    const process = this.#processes[name];
    if (process.isServing) this.#killedAtStart.delete(name);
    else if (this.#killedAtStart.has(name)) {
      this.spared++;
      return;
    } else this.#killedAtStart.add(name);
    process.kill();
    this.done[name]++;
  }
}
