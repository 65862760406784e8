/**
 * What a dry run of many rows costs the process that makes it:
 * `npm run build && node --import tsx test/measure/dry-run.ts [rows]`.
 *
 * The local cloud runs as in `npm start`. The function is the deployed one, compiled, alone in its process on the
 * functions framework; its memory is read from the system while tasks drive the batch.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { functionsEnvironment, INPUT_BUCKET, makePlan } from '../../infra/stack/plan.ts';
import { StackProcess } from '../../infra/stack/process.ts';
import { cloudSettings } from '../../infra/stack/settings.ts';
import { listening } from '../support/ports.ts';

const ROWS = Number(process.argv[2] ?? 1_000_000);
const STEP_ROWS = 50_000;
/** What the deployed function is given. */
const NODE_OPTIONS = process.env['MEASURED_NODE_OPTIONS'] ?? cloudSettings.nodeOptions['batch'];
const root = fileURLToPath(new URL('../..', import.meta.url));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const stateDir = mkdtempSync(path.join(tmpdir(), 'clapper-measure-'));
const plan = await makePlan({ stateDir, apiPort: 0 });
const environment = functionsEnvironment(plan);
Object.assign(process.env, environment);
// After the environment is there: clients read some of it when they are loaded.
const { parseConfig } = await import('../../functions/config.ts');
const { buildServices } = await import('../../functions/services.ts');
const { createBatch } = await import('../../functions/handlers/create-batch.ts');
const { services } = buildServices(parseConfig(process.env));

const cloud = new StackProcess({
  name: 'local cloud',
  file: path.join(root, 'infra/stack/local-cloud.ts'),
  env: { CLAPPER_STACK_PLAN: JSON.stringify(plan) },
  logFile: path.join(stateDir, 'cloud.log'),
});
await cloud.start();
const port = String(plan.ports.api);
const batch = spawn(
  process.execPath,
  [path.join(root, 'node_modules/.bin/functions-framework'), '--source', path.join(root, 'dist/source')],
  {
    env: { ...process.env, ...environment, NODE_OPTIONS, FUNCTION_TARGET: 'batch', PORT: port },
    stdio: 'ignore',
  },
);
await listening(plan.ports.api);
const mib = (field: 'VmRSS' | 'VmHWM'): number => {
  const status = readFileSync(`/proc/${batch.pid}/status`, 'utf8');
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
};

try {
  await services.inputs.writeOnce(
    'rows.jsonl',
    'application/jsonl',
    Readable.from(rows(), { objectMode: false }),
  );
  say(`${ROWS} rows are in the bucket; the function has ${mib('VmRSS')} MiB before the batch`);
  const startedAt = performance.now();
  const manifest = { gcsUri: `gs://${INPUT_BUCKET}/rows.jsonl` };
  const { batch: made } = await createBatch(services, { caller: 'local', body: { manifest, dryRun: true } });
  let peak = 0;
  let next = STEP_ROWS;
  for (;;) {
    await sleep(100);
    peak = Math.max(peak, mib('VmRSS'));
    const now = await services.batches.get(made.batchId);
    const isOver = now !== undefined && 'finishedAt' in now;
    if (now && (now.totals.rows >= next || isOver)) {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      say(
        `${now.totals.rows} rows  ${seconds} s  RSS ${mib('VmRSS')} MiB, highest since the last line ${peak} MiB`,
      );
      peak = 0;
      next = now.totals.rows + STEP_ROWS;
    }
    if (isOver) {
      say(`${now.status}: ${JSON.stringify(now.totals)}; highest of its life ${mib('VmHWM')} MiB`);
      break;
    }
  }
} finally {
  batch.kill();
  await cloud.stop();
  rmSync(stateDir, { recursive: true, force: true });
}
process.exit(0);

function* rows(): Generator<Buffer> {
  const perChunk = 1000;
  for (let at = 0; at < ROWS; at += perChunk) {
    const lines = Array.from({ length: Math.min(perChunk, ROWS - at) }, (_, n) =>
      JSON.stringify({
        prompt: `kitten number ${at + n + 1} plays with a ball of wool in a garden, in the evening light, slowly`,
        durationSeconds: [4, 6, 8][(at + n) % 3],
        aspectRatio: (at + n) % 2 === 0 ? '16:9' : '9:16',
        seed: at + n,
      }),
    );
    yield Buffer.from(`${lines.join('\n')}\n`);
  }
}
