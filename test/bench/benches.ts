/** The benches by name, in the order in which they run. Each is loaded only in its own process. */
import { z } from 'zod';
import type { Bench } from './bench.ts';

export const BENCHES = {
  core: () => import('./core.ts'),
  http: () => import('./http.ts'),
  backlog: () => import('./backlog.ts'),
  'dry-run': () => import('./dry-run.ts'),
  landing: () => import('./landing.ts'),
  'local-storage': () => import('./local-storage.ts'),
  jobs: () => import('./jobs.ts'),
} as const satisfies Readonly<Record<string, () => Promise<Bench>>>;

export type BenchName = keyof typeof BENCHES;

const isBenchName = (name: string): name is BenchName => Object.hasOwn(BENCHES, name);

export const benchNameSchema = z.enum(Object.keys(BENCHES).filter(isBenchName));
