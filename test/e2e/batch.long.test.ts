/** A batch on the whole stack: a manifest in the input bucket, jobs on simulated models, reports in the output bucket. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { INPUT_BUCKET } from '../../infra/stack/plan.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';

const ROWS = 60;
const viewSchema = z.looseObject({ id: z.string(), status: z.string() });

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ speedUp: 100, submitPerSecond: 50 });
});
afterAll(() => stack.dispose());

const json = async (path: string, body?: unknown): Promise<z.infer<typeof viewSchema>> => {
  const response = await fetch(`${stack.endpoints.api}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return viewSchema.parse(await response.json());
};

describe(`a gzipped manifest of ${ROWS} rows, two of them invalid`, () => {
  it('makes one paid call per valid row, and reports every row', async () => {
    const lines = Array.from({ length: ROWS }, (_, n) =>
      n === 10 ? `${n},"broken" quote` : n === 20 ? `${n}` : `${n},"kitten ""number"" ${n}, sitting"`,
    );
    const storage = new Storage({ projectId: 'test', apiEndpoint: stack.endpoints.storage });
    const csv = gzipSync(`\uFEFFn,what\r\n${lines.join('\r\n')}`);
    await storage.bucket(INPUT_BUCKET).file('kittens.csv.gz').save(csv, { resumable: false });
    const body = {
      manifest: { gcsUri: `gs://${INPUT_BUCKET}/kittens.csv.gz` },
      template: { prompt: '{what}, take {n}' },
      defaults: { durationSeconds: 4 },
    };
    let view = await json('/v1/batches', body);
    while (view.status !== 'done') {
      await sleep(200);
      view = await json(`/v1/batches/${view.id}`);
    }
    expect(view).toMatchObject({
      rows: { read: ROWS, valid: ROWS - 2, invalid: 2 },
      jobs: { succeeded: ROWS - 2 },
    });
    const paid = (await stack.paidCalls()).map(({ prompt }) => prompt);
    expect(paid).toHaveLength(ROWS - 2);
    expect(new Set(paid).size).toBe(ROWS - 2);
    expect(paid).toContain('kitten "number" 7, sitting, take 7');
    const report = await fetch(`${stack.endpoints.api}/v1/batches/${view.id}/report`);
    const rows = (await report.text()).trimEnd().split('\n');
    expect(rows).toHaveLength(1 + ROWS);
    expect(rows[11]).toContain('11,12,,invalid,,0,0,0,INVALID_ROW,"the closing quote in field 2');
    expect(rows[21]).toContain(
      "21,22,,invalid,,0,0,0,INVALID_ROW,\"has 1 field, the header has 2; 'what' is missing.",
    );
    expect(rows[1]).toMatch(/^1,,job_[a-z2-7]{26},succeeded,gs:\/\/\S+\.mp4,4,0\.\d+,0,,$/);
  });
});
