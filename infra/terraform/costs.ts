/**
 * The cost of Clapper itself, at Google's list prices for us-central1 (read 2026-11-20; the prices of deletes and images
 * are from memory). The cost of the models is not included and is thousands of times higher.
 */

const PRICE_USD = {
  vcpuSecond: 0.000024,
  gibSecond: 0.0000025,
  request: 0.4 / 1e6,
  taskOperation: 0.4 / 1e6,
  read: 0.03 / 1e5,
  write: 0.09 / 1e5,
  delete: 0.01 / 1e5,
  classA: 0.005 / 1e3,
  classB: 0.0004 / 1e3,
  gbMonth: 0.02,
  imageGbMonth: 0.1,
} as const;

export interface CostLine {
  readonly item: string;
  readonly amount: string;
  readonly usd: number;
}

/** Each query is billed as at least one read, even when it finds nothing. */
export const QUERIES_PER_SWEEP = 6;

const RUNS_A_MONTH = (365 / 12) * 24 * 60;

/** A month without requests. Free quotas are not subtracted, so the real cost is lower. */
export function idleCosts(): readonly CostLine[] {
  const seconds = RUNS_A_MONTH * 0.15;
  return [
    {
      item: 'the sweep, once a minute: 0.15 s of a CPU and 512 MiB',
      amount: `${Math.round(RUNS_A_MONTH)} runs`,
      usd: RUNS_A_MONTH * PRICE_USD.request + seconds * (PRICE_USD.vcpuSecond + 0.5 * PRICE_USD.gibSecond),
    },
    {
      item: 'its queries',
      amount: `${QUERIES_PER_SWEEP} reads a run`,
      usd: QUERIES_PER_SWEEP * RUNS_A_MONTH * PRICE_USD.read,
    },
    { item: 'its schedule', amount: '1 (3 are free)', usd: 0 },
    { item: 'images of the functions', amount: 'about 3 GB', usd: 3 * PRICE_USD.imageGbMonth },
  ];
}

/**
 * One job with one 8 s video whose model takes two minutes, counted on the handlers: 10 polls, 17 writes, 30 reads,
 * 11 tasks. Two notes of the claim are written, and each wakes `landed` in vain. Function seconds assume that each request has an instance to itself.
 */
export const PER_JOB = {
  writes: 17,
  reads: 30,
  taskOperations: 22,
  requests: 17,
  functionSeconds: 5.7,
  classA: 6,
  classB: 12,
  megabytes: 10,
} as const;

export function jobCosts(jobs: number): readonly CostLine[] {
  const many = (each: number): string => (jobs * each).toLocaleString('en-US');
  const store = PER_JOB.writes * PRICE_USD.write + PER_JOB.reads * PRICE_USD.read + PRICE_USD.delete;
  return [
    {
      item: 'functions, 1 CPU and 1 GiB',
      amount: `${many(PER_JOB.requests)} requests, ${many(PER_JOB.functionSeconds)} s`,
      usd:
        jobs *
        (PER_JOB.requests * PRICE_USD.request +
          PER_JOB.functionSeconds * (PRICE_USD.vcpuSecond + PRICE_USD.gibSecond)),
    },
    {
      item: 'Firestore',
      amount: `${many(PER_JOB.writes)} writes, ${many(PER_JOB.reads)} reads, ${many(1)} deletes`,
      usd: jobs * store,
    },
    {
      item: 'Cloud Tasks',
      amount: `${many(PER_JOB.taskOperations)} operations`,
      usd: jobs * PER_JOB.taskOperations * PRICE_USD.taskOperation,
    },
    {
      item: 'Cloud Storage, requests',
      amount: `${many(PER_JOB.classA)} of class A, ${many(PER_JOB.classB)} of class B`,
      usd: jobs * (PER_JOB.classA * PRICE_USD.classA + PER_JOB.classB * PRICE_USD.classB),
    },
    {
      item: 'Cloud Storage, each month that the videos are kept',
      amount: `${(jobs * PER_JOB.megabytes) / 1000} GB`,
      usd: ((jobs * PER_JOB.megabytes) / 1000) * PRICE_USD.gbMonth,
    },
  ];
}
