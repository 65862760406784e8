/**
 * Runs a batch end to end on the local stack while processes are killed with SIGKILL:
 * `node --import tsx test/measure/expansion.ts [rows] [kills]`. SEED decides the times of the kills.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Storage } from '@google-cloud/storage';
import { z } from 'zod';
import { seededRandom } from '../../infra/models/random.ts';
import { INPUT_BUCKET, OUTPUT_BUCKET } from '../../infra/stack/plan.ts';
import { startTestStack } from '../support/local-stack.ts';

const ROWS = Number(process.argv[2] ?? 10_000);
const KILLS = Number(process.argv[3] ?? 5);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

const viewSchema = z.object({
  id: z.string(),
  status: z.string(),
  rows: z.object({ read: z.number(), valid: z.number(), invalid: z.number() }),
  jobs: z.record(z.string(), z.number()).optional(),
  report: z.object({ jsonl: z.string(), rows: z.number() }).optional(),
});
const rowSchema = z.object({
  row: z.number(),
  job: z.string(),
  status: z.string(),
  uris: z.array(z.string()),
  error: z.object({ code: z.string() }).nullable(),
});

const random = seededRandom(SEED);
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const stack = await startTestStack({ speedUp: 10, submitPerSecond: 200 });
const { api, storage: apiEndpoint } = stack.endpoints;

/** Repeats the request until it is answered. */
async function request(path: string, init?: RequestInit): Promise<z.infer<typeof viewSchema>> {
  for (;;) {
    try {
      const response = await fetch(`${api}${path}`, init);
      if (response.ok) return viewSchema.parse(await response.json());
    } catch {
      // The functions were killed; the supervisor restarts them.
    }
    await sleep(200);
  }
}

try {
  const storage = new Storage({ projectId: 'measure', apiEndpoint });
  const prompts = Array.from({ length: ROWS }, (_, n) => `kitten number ${n + 1}`);
  const text = prompts.map((prompt) => `${JSON.stringify({ prompt, durationSeconds: 4 })}\n`).join('');
  await storage.bucket(INPUT_BUCKET).file('rows.jsonl').save(text, { resumable: false });
  const startedAt = performance.now();
  const passed = (): string => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
  const manifest = { gcsUri: `gs://${INPUT_BUCKET}/rows.jsonl` };
  let view = await request('/v1/batches', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'measure' },
    body: JSON.stringify({ manifest }),
  });
  print(`SEED=${SEED}, ${ROWS} rows, ${KILLS} kills`);
  // One kill at a random row of each equal part of the expansion.
  const killAt = Array.from({ length: KILLS }, (_, n) => ((n + random()) / (KILLS + 0.5)) * ROWS);
  let nextLine = 0;
  while (!['done', 'failed'].includes(view.status)) {
    const due = killAt[0];
    if (due !== undefined && view.rows.read >= due) {
      killAt.shift();
      await sleep(random() * 300);
      const both = random() < 0.4;
      stack.processes.functions.kill();
      if (both) stack.processes.cloud.kill();
      print(`${passed()}: killed ${both ? 'functions and cloud' : 'functions'} at row ${view.rows.read}`);
    }
    if (performance.now() - startedAt > nextLine) {
      print(`${passed()}: ${view.status}, ${view.rows.read} rows, ${JSON.stringify(view.jobs)}`);
      nextLine = performance.now() - startedAt + 20_000;
    }
    await sleep(killAt.length > 0 ? 1000 : 5000);
    view = await request(`/v1/batches/${view.id}`);
  }
  print(`${passed()}: ${view.status}, ${JSON.stringify(view.jobs)}`);
  const [bytes] = await storage
    .bucket(OUTPUT_BUCKET)
    .file(view.report?.jsonl ?? '')
    .download();
  const rows = bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => rowSchema.parse(JSON.parse(line)));
  const paid = await stack.paidCalls();
  const counts = new Map<string, number>();
  for (const { prompt } of paid) counts.set(prompt, (counts.get(prompt) ?? 0) + 1);
  const byStatus = new Map<string, number>();
  for (const { status, error } of rows) {
    const key = error ? `${status} ${error.code}` : status;
    byStatus.set(key, (byStatus.get(key) ?? 0) + 1);
  }
  print(
    `report: ${rows.length} rows, ${new Set(rows.map(({ row }) => row)).size} different, ${new Set(rows.map(({ job }) => job)).size} jobs`,
  );
  print(`by status: ${JSON.stringify(Object.fromEntries(byStatus))}`);
  print(
    `paid calls: ${paid.length}, prompts paid for: ${counts.size}, paid for more than once: ${[...counts.values()].filter((count) => count > 1).length}`,
  );
  const missing = prompts.filter((prompt) => !counts.has(prompt)).length;
  print(`rows never paid for: ${missing}`);
} finally {
  await stack.dispose();
}
