/** The worlds by name. */
import { simulateBatches } from './batches/simulate.ts';
import type { Simulate } from './run.ts';
import { simulate } from './simulate.ts';

export const WORLD_NAMES = ['jobs', 'batches'] as const;
export type WorldName = (typeof WORLD_NAMES)[number];

export const WORLDS: Readonly<Record<WorldName, Simulate>> = { jobs: simulate, batches: simulateBatches };
