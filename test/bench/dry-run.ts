/**
 * The cost of a dry run for its process: neither the memory nor the time per row grows with the manifest.
 *
 * The local cloud runs as in `npm start`. The function is the deployed one, built by this bench. It runs alone in its
 * process on the functions framework, with the Node options that Terraform sets. Each manifest has a new process.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isBatchOver } from '../../functions/core/batch/batch.ts';
import { createBatch } from '../../functions/handlers/batch/create-batch.ts';
import type { Services } from '../../functions/ports.ts';
import { functionsEnvironment, INPUT_BUCKET, makePlan } from '../../infra/stack/plan.ts';
import { StackProcess } from '../../infra/stack/process.ts';
import { cloudSettings } from '../../infra/stack/settings.ts';
import { listening } from '../support/ports.ts';
import type { Measure, Scope } from './bench.ts';
import { startMeasured } from './measured-process.ts';

const ROWS = 80_000;
const QUICK_ROWS = 8_000;
const LIMIT_MIB = 200;
const POLL_EVERY_MS = 50;

const root = fileURLToPath(new URL('../..', import.meta.url));
const FRAMEWORK = path.join(root, 'node_modules/@google-cloud/functions-framework/build/src/main.js');

interface DryRun {
  readonly rows: number;
  readonly peakMib: number;
  readonly seconds: number;
}

export async function measure(scope: Scope): Promise<readonly Measure[]> {
  const most = scope.rows ?? (scope.isQuick ? QUICK_ROWS : ROWS);
  await promisify(execFile)(process.execPath, ['--import', 'tsx', 'infra/cli/build.ts'], { cwd: root });
  const stateDir = mkdtempSync(path.join(tmpdir(), 'clapper-bench-'));
  const plan = await makePlan({ stateDir, apiPort: 0 });
  // The function's process inherits this environment.
  Object.assign(process.env, functionsEnvironment(plan));
  // Imported after the environment is set: Google's clients read some variables when they are loaded.
  const { parseConfig } = await import('../../functions/config.ts');
  const { buildServices } = await import('../../functions/services.ts');
  const built = buildServices(parseConfig(process.env));
  const services: Services = { ...built.services, log: () => undefined };
  const cloud = new StackProcess({
    name: 'local cloud',
    file: path.join(root, 'infra/stack/local-cloud.ts'),
    env: { CLAPPER_STACK_PLAN: JSON.stringify(plan) },
    logFile: path.join(stateDir, 'cloud.log'),
  });
  await cloud.start();
  try {
    const runs: DryRun[] = [];
    for (const rows of [most / 16, most / 4, most])
      runs.push(await dryRun(services, Math.floor(rows), plan.ports.api, scope.nodeOptions));
    return measuresOf(runs);
  } finally {
    await cloud.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** @param port the port of the API. Tasks of all functions go there, and this bench runs only `batch`. */
async function dryRun(
  services: Services,
  rows: number,
  port: number,
  nodeOptions = cloudSettings.nodeOptions['batch'],
): Promise<DryRun> {
  const name = `rows-${rows}.jsonl`;
  const body = Readable.from(manifestOf(rows), { objectMode: false });
  await services.inputs.writeOnce(name, 'application/jsonl', body);
  const batch = startMeasured([FRAMEWORK, '--source', path.join(root, 'dist/source')], {
    ...{ NODE_OPTIONS: nodeOptions, FUNCTION_TARGET: 'batch', PORT: String(port) },
  });
  try {
    await batch.during(listening(port));
    const startedAt = performance.now();
    await batch.during(validated(services, name, rows));
    const seconds = (performance.now() - startedAt) / 1000;
    return { rows, seconds, peakMib: (await batch.usage()).peakMib };
  } finally {
    await batch.stop();
  }
}

/** Resolves when the batch has ended. @throws unless all rows are valid */
async function validated(services: Services, name: string, rows: number): Promise<void> {
  const manifest = { gcsUri: `gs://${INPUT_BUCKET}/${name}` };
  const { batch } = await createBatch(services, { caller: 'local', body: { manifest, dryRun: true } });
  for (;;) {
    await sleep(POLL_EVERY_MS);
    const now = await services.batches.get(batch.batchId);
    if (!now || !isBatchOver(now)) continue;
    if (now.status === 'done' && now.totals.valid === rows) return;
    throw new Error(`a dry run of ${rows} rows ended as ${now.status}: ${JSON.stringify(now.totals)}`);
  }
}

function* manifestOf(rows: number): Generator<Buffer> {
  const perChunk = 1000;
  for (let at = 0; at < rows; at += perChunk) {
    const lines = Array.from({ length: Math.min(perChunk, rows - at) }, (_, n) =>
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

function measuresOf(runs: readonly DryRun[]): readonly Measure[] {
  const [small, quarter, whole] = runs;
  if (!small || !quarter || !whole) throw new Error('the bench needs three dry runs');
  const count = (rows: number): string => `${rows.toLocaleString('en')} rows`;
  const peak = (run: DryRun) => ({
    ...{ what: `peak memory, ${count(run.rows)}`, unit: 'MiB', measured: run.peakMib },
  });
  const against = (run: DryRun) => ({ what: `with ${count(run.rows)}`, value: run.peakMib });
  const rate = ({ rows, seconds }: DryRun): number => rows / seconds;
  return [
    { ...peak(quarter), baseline: against(small) },
    { ...peak(whole), baseline: against(quarter), claim: { atMost: 1.25 } },
    { ...peak(whole), baseline: { what: 'allowed', value: LIMIT_MIB }, claim: { atMost: 1 } },
    {
      ...{ what: `rows per second, ${count(whole.rows)}`, unit: '/s', measured: rate(whole) },
      baseline: { what: `with ${count(quarter.rows)}`, value: rate(quarter) },
      claim: { atLeast: 0.5 },
    },
  ];
}
