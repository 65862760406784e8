/** The ports in memory, for tests of handlers. They are as strict as the real ones, and the test advances the clock. */
import { createIds } from '../../functions/adapters/ids.ts';
import { CATALOGUE } from '../../functions/core/catalogue/models.ts';
import { defaultPolicy } from '../../functions/core/job/policy.ts';
import type { Services } from '../../functions/ports.ts';
import { MemoryBatchStore } from './memory-batches.ts';
import { MemoryBucket } from './memory-bucket.ts';
import { MemoryJobStore } from './memory-jobs.ts';
import { MemoryRateLimiterStore, MemoryTaskQueue } from './memory-queues.ts';
import { ScriptedProvider } from './scripted-provider.ts';

class ManualClock {
  #now: number;
  constructor(start = Date.UTC(2026, 10, 21)) {
    this.#now = start;
  }
  now(): number {
    return this.#now;
  }
  advance(ms: number): void {
    this.#now += ms;
  }
}

export interface World {
  readonly services: Services;
  readonly clock: ManualClock;
  readonly jobs: MemoryJobStore;
  readonly batches: MemoryBatchStore;
  readonly tasks: MemoryTaskQueue;
  readonly output: MemoryBucket;
  readonly input: MemoryBucket;
  readonly vertex: ScriptedProvider;
  readonly gemini: ScriptedProvider;
  readonly log: { severity: string; message: string; fields: Readonly<Record<string, unknown>> }[];
}

export function makeWorld(overrides: Partial<Services> = {}): World {
  const clock = new ManualClock();
  const jobs = new MemoryJobStore();
  const batches = new MemoryBatchStore();
  jobs.batches = batches;
  const tasks = new MemoryTaskQueue();
  const output = new MemoryBucket('out', () => clock.now());
  const input = new MemoryBucket('in', () => clock.now());
  const vertex = new ScriptedProvider();
  const gemini = new ScriptedProvider('download');
  const log: World['log'] = [];
  const services: Services = {
    clock,
    ids: { ...createIds(), random: () => 0.5 },
    jobs,
    tasks,
    batches,
    rateLimiters: new MemoryRateLimiterStore(),
    results: output,
    inputs: input,
    providers: { vertex, gemini },
    callers: { verify: async (headers) => headers.get('x-test-caller') ?? 'local' },
    policy: defaultPolicy(),
    catalogue: CATALOGUE,
    log: (severity, message, fields = {}) => log.push({ severity, message, fields }),
    settings: {
      locations: { vertex: 'us-central1', gemini: 'global', omni: 'global' },
      allowRetiredModels: true,
      aliasRetiredModels: false,
      restrictedRegion: false,
      readablePrefixes: ['gs://shared/'],
      signedUrlTtlMs: 900_000,
      logPrompts: false,
      operators: ['operator'],
    },
    ...overrides,
  };
  return { services, clock, jobs, batches, tasks, output, input, vertex, gemini, log };
}
