/** The whole script as a process: the local stack is the deployment, and a scripted server is Google. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { STEPS } from '../../infra/verify/steps.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';
import { asAssumedProject, type Call, type GoogleServer, PROJECT, startGoogle } from './google-server.ts';

let stack: TestStack;
let google: GoogleServer;

beforeAll(async () => {
  stack = await startTestStack({ speedUp: 50 });
  const { api, storage } = stack.endpoints;
  const project = asAssumedProject({ ...stack.environment, CLAPPER_API_AUDIENCES: api });
  const toStorage = ({ method, path, body, headers }: Call): Promise<Response> =>
    fetch(`${storage}${path}`, {
      method,
      headers: { 'content-type': headers['content-type'] ?? 'application/octet-stream' },
      ...(method === 'POST' ? { body: new Uint8Array(body) } : {}),
    }).then(async (answer) =>
      answer.status === 204
        ? new Response(null, { status: 200 })
        : new Response(await answer.arrayBuffer(), { status: answer.status }),
    );
  google = await startGoogle({
    ...project,
    'storage.googleapis.com': { 'GET /': toStorage, 'POST /': toStorage, 'DELETE /': toStorage },
  });
});
afterAll(async () => {
  await google.stop();
  await stack.dispose();
});

const reportSchema = z.object({
  limitUsd: z.number(),
  spentAtMostUsd: z.number(),
  results: z.array(
    z.object({
      step: z.string(),
      verdict: z.string(),
      detail: z.string(),
      priceUsd: z.number().optional(),
      job: z.string().optional(),
    }),
  ),
});

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const cli = fileURLToPath(new URL('../../infra/cli/verify.ts', import.meta.url));
  const all = ['--import', 'tsx', cli, '--project', PROJECT, '--google', google.url, ...args];
  const env = { ...process.env, ...stack.environment };
  return new Promise((resolve) => {
    execFile(process.execPath, all, { env, maxBuffer: 1e8 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

const reportOf = async (...args: string[]) => {
  const { stdout, stderr } = await run('--json', ...args);
  try {
    return reportSchema.parse(JSON.parse(stdout));
  } catch {
    throw new Error(`no report: ${stdout}\n${stderr}`);
  }
};
const verdicts = (report: z.infer<typeof reportSchema>): Record<string, string> =>
  Object.fromEntries(report.results.map(({ step, verdict }) => [step, verdict]));
const idsOfPaid = STEPS.filter(({ paid }) => paid).map(({ id }) => id);

it('without --yes-spend every free step runs, and nothing is paid', async () => {
  const report = await reportOf();
  expect(report.spentAtMostUsd).toBe(0);
  expect(await stack.paidCalls()).toEqual([]);
  const found = verdicts(report);
  expect(Object.keys(found)).toEqual(STEPS.map(({ id }) => id));
  for (const id of idsOfPaid) expect(found[id]).toBe('not paid');
  expect(found).toMatchObject({
    // The local stack admits everybody.
    access: 'differs',
    urls: 'as assumed',
    'service-agents': 'as assumed',
    indexes: 'as assumed',
    queues: 'as assumed',
    sweep: 'as assumed',
    'instance-quota': 'as assumed',
    'model-quota': 'as assumed',
    models: 'as assumed',
    'image-locations': 'as assumed',
    prices: 'compare',
    'alert-queries': 'as assumed',
    'log-filters': 'as assumed',
    'keys-image': 'does not apply',
    'signed-upload': 'as assumed',
    'upload-event': 'as assumed',
    'signed-link': 'unknown',
  });
});

it('with --yes-spend 1 it pays for what fits into a dollar, and looks at what that made', async () => {
  const before = (await stack.paidCalls()).length;
  const report = await reportOf('--yes-spend', '1');
  const found = verdicts(report);
  expect(report.spentAtMostUsd).toBe(0.991);
  expect(found).toMatchObject({
    'first-video': 'as assumed',
    'image-flash': 'as assumed',
    'image-2-5': 'as assumed',
    'last-frame-lite': 'as assumed',
    'omni-references': 'as assumed',
    'omni-1-1-references': 'as assumed',
    'omni-frames': 'as assumed',
    imagen: 'not paid',
    'person-generation': 'not paid',
    'image-pro': 'not paid',
    'omni-1-1-frames': 'not paid',
    'signed-link': 'as assumed',
    // Simulated videos have none.
    'content-credentials': 'compare',
    'landed-event': 'as assumed',
    'storage-writer': 'compare',
    'input-reader': 'compare',
    'omni-webhook': 'as assumed',
    'first-point': 'as assumed',
  });
  const paid = report.results.filter(
    ({ priceUsd, verdict }) => priceUsd !== undefined && verdict !== 'not paid',
  );
  expect(paid).toHaveLength(7);
  expect((await stack.paidCalls()).length - before).toBe(paid.length);
  // What Clapper itself says was charged, over all jobs.
  const response = await fetch(`${stack.endpoints.api}/v1/jobs?pageSize=200`);
  const { jobs } = z
    .object({ jobs: z.array(z.object({ priceUsd: z.object({ charged: z.number(), unknown: z.number() }) })) })
    .parse(await response.json());
  const chargedUsd = jobs.reduce((sum, { priceUsd }) => sum + priceUsd.charged + priceUsd.unknown, 0);
  const imagesUsd = 0.067 + 0.039;
  const omniInputsUsd = 14 * 0.003;
  expect(chargedUsd + imagesUsd + omniInputsUsd).toBeCloseTo(report.spentAtMostUsd, 6);
});

it('a limit stops every step that would pass it, and cheaper steps still run', async () => {
  const before = (await stack.paidCalls()).length;
  const report = await reportOf(
    '--yes-spend',
    '0.2',
    '--only',
    'first-video,image-2-5,last-frame-lite,image-pro,imagen',
  );
  expect(verdicts(report)).toEqual({
    'first-video': 'not paid',
    'image-2-5': 'as assumed',
    'last-frame-lite': 'as assumed',
    imagen: 'as assumed',
    'image-pro': 'not paid',
  });
  expect(report.spentAtMostUsd).toBe(0.179);
  expect((await stack.paidCalls()).length - before).toBe(2);
});

it('prints a table, the total and the limit', async () => {
  const { code, stdout } = await run('--only', 'queues,first-video');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^queues\s+as assumed\s+\d+ queues$/m);
  expect(stdout).toMatch(/^first-video\s+not paid\s+\$0\.3200\s+It costs money/m);
  expect(stdout).toContain('the limit was $0.00');
});

it('--dry-run calls nothing and lists every step with its price', async () => {
  const calls = google.calls.length;
  const { code, stdout } = await run('--dry-run');
  expect(code).toBe(0);
  expect(google.calls).toHaveLength(calls);
  for (const { id } of STEPS) expect(stdout).toContain(`\n${id} `);
  expect(stdout).toContain('All paid steps cost $1.6090');
});
