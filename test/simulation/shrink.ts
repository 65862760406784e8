/** Shrinks a failing run to a smaller one that violates the same check. */
import { FAULT_CLASSES } from './faults.ts';
import type { RunOptions, RunResult } from './run.ts';
import type { Subject } from './subject.ts';
import { WORLDS, type WorldName } from './worlds.ts';

export interface Shrunk {
  readonly options: RunOptions;
  readonly result: RunResult;
  readonly tried: number;
}

/** @param failing options of a run that violates a check @throws when the run violates none */
export async function shrink(world: WorldName, subject: Subject, failing: RunOptions): Promise<Shrunk> {
  const simulate = WORLDS[world];
  const { onLine: _, ...quietly } = failing;
  let tried = 1;
  let best = quietly;
  let result = await simulate(subject, best);
  const check = result.violation?.check;
  if (check === undefined)
    throw new Error(`seed ${failing.seed} violates no check, so there is nothing to shrink`);
  const accept = async (candidate: RunOptions): Promise<boolean> => {
    tried++;
    const found = await simulate(subject, candidate);
    if (found.violation?.check !== check) return false;
    best = candidate;
    result = found;
    return true;
  };
  for (let jobsMax = 1; jobsMax < best.jobsMax; jobsMax++) if (await accept({ ...best, jobsMax })) break;
  for (const kind of FAULT_CLASSES) await accept({ ...best, without: new Set([...best.without, kind]) });
  // The effect of a cut is not monotonic: when bisection makes no more progress, single cuts are tried too.
  let low = -1;
  while (low + 1 < Math.min(best.faultsMax, result.faults)) {
    const high = Math.min(best.faultsMax, result.faults);
    const faultsMax = Math.floor((low + high) / 2);
    if (faultsMax === high || !(await accept({ ...best, faultsMax }))) low = Math.max(faultsMax, low + 1);
  }
  for (let faultsMax = 0; faultsMax < Math.min(low, SINGLE_CUTS_MAX); faultsMax++)
    if (await accept({ ...best, faultsMax })) break;
  return { options: best, result, tried };
}

const SINGLE_CUTS_MAX = 40;

/** The command that repeats this run with its trace. */
export function commandOf(world: WorldName, { seed, jobsMax, without, faultsMax }: RunOptions): string {
  const which = world === 'jobs' ? '' : ` --world ${world}`;
  const words = [`npm run simulate --${which} --runs 1 --seed`, String(seed), '--jobs', String(jobsMax)];
  if (without.size > 0) words.push('--without', [...without].join(','));
  if (Number.isFinite(faultsMax)) words.push('--faults', String(faultsMax));
  return [...words, '--trace'].join(' ');
}
