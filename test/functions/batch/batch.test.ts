/** Batches from manifest to report, with in-memory ports. */
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { handleBatch } from '../../../functions/handlers/batch/batch.ts';
import { createBatch } from '../../../functions/handlers/batch/create-batch.ts';
import { handleSweep } from '../../../functions/handlers/sweep.ts';
import { apiOf } from '../../support/api-client.ts';
import { batchNow, jsonl, kittens, reportOf, startBatch, textOfReport } from '../../support/batches.ts';
import { finishesAfter } from '../../support/jobs.ts';
import { makeWorld, type World } from '../../support/memory.ts';
import { runFor } from '../../support/run.ts';

const HOUR = 3_600_000;
let world: World;
beforeEach(() => {
  const { settings } = makeWorld().services;
  // A quota that these tests never reach.
  world = makeWorld({ settings: { ...settings, requestsPerMinute: 600_000 } });
  finishesAfter(world, 30_000);
});

describe('a batch', () => {
  it('creates a job for every row, waits for all jobs, and reports them in order', async () => {
    const batch = await startBatch(world, jsonl(kittens(250)), { title: 'kittens' });
    await runFor(world, 6 * HOUR);
    expect(await batchNow(world, batch)).toMatchObject({
      status: 'done',
      totals: { rows: 250, valid: 250, faults: 0, seconds: 1000 },
    });
    const report = await reportOf(world, batch);
    expect(report.map(({ row }) => row)).toEqual(Array.from({ length: 250 }, (_, n) => n + 1));
    expect(
      report.every(
        ({ status, uris, priceUsd }) => status === 'succeeded' && uris.length === 1 && priceUsd > 0,
      ),
    ).toBe(true);
    expect(world.vertex.calls).toHaveLength(250);
  });

  it('runs its jobs in the batch lane, links them to their rows, and counts them by status', async () => {
    const batch = await startBatch(world, jsonl(kittens(3)));
    const { batchId } = batch;
    await handleBatch(world.services, { batchId, seq: 1 });
    await handleBatch(world.services, { batchId, seq: 2 });
    const jobs = await world.jobs.all();
    expect(jobs.map(({ lane, batch: link }) => [lane, link])).toEqual([
      ['batch', { batchId, row: 1 }],
      ['batch', { batchId, row: 2 }],
      ['batch', { batchId, row: 3 }],
    ]);
    const { body } = await apiOf(world).get(`/v1/batches/${batchId}`);
    expect(body).toMatchObject({ status: 'running', rows: { read: 3 }, jobs: { queued: 3, succeeded: 0 } });
  });

  it('of CSV refuses a misspelt field instead of ignoring it: the row would be paid for with wrong parameters', async () => {
    const csv =
      'prompt,Duration Seconds,MODEL,Labels.team,note\na kitten,4,veo-3.1-generate-001,red,x\na puppy,,,,y\n';
    const batch = await startBatch(world, csv, {}, 'kittens.csv');
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({
      totals: { rows: 2, valid: 1, faults: 1 },
      firstFaults: [
        {
          row: 1,
          fault: expect.stringMatching(
            /'Duration Seconds'.*'durationSeconds'.*'model'.*'Labels\.team'.*'labels\.team'/,
          ),
        },
      ],
    });
    expect((await world.jobs.all()).map(({ request }) => request.prompt)).toEqual(['a puppy']);
  });

  it('of CSV fills a placeholder from a column whose name is similar to a field', async () => {
    const batch = await startBatch(world, 'prompt,Model\na {Model} T,Ford\n', {}, 'cars.csv');
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ totals: { valid: 1, faults: 0 } });
    expect((await world.jobs.all()).map(({ request }) => request.prompt)).toEqual(['a Ford T']);
  });

  it('of CSV fills the template from its columns, and converts numeric fields', async () => {
    const csv =
      '\uFEFFcity,durationSeconds,generateAudio,note,labels.team\r\nParis,4,false,"a, b\n""c""",red\n"Bad Ems",8,TRUE,,\r\n';
    const template = { prompt: 'a kitten in {city}, {mood=happy}' };
    const batch = await startBatch(world, csv, { template, defaults: { aspectRatio: '9:16' } }, 'cities.csv');
    await runFor(world, HOUR);
    const jobs = await world.jobs.all();
    expect(jobs.map(({ request }) => request)).toMatchObject([
      {
        prompt: 'a kitten in Paris, happy',
        durationSeconds: 4,
        generateAudio: false,
        aspectRatio: '9:16',
        labels: { team: 'red' },
      },
      { prompt: 'a kitten in Bad Ems, happy', durationSeconds: 8, generateAudio: true },
    ]);
    expect(await batchNow(world, batch)).toMatchObject({
      status: 'done',
      manifest: { ignoredColumns: ['note'] },
    });
  });

  it('of zipped JSON lines is unzipped once and gives the same jobs', async () => {
    const batch = await startBatch(world, gzipSync(jsonl(kittens(5))), {}, 'rows.jsonl.gz');
    await runFor(world, HOUR);
    expect((await reportOf(world, batch)).map(({ status }) => status)).toEqual(Array(5).fill('succeeded'));
    expect(world.input.objects.has(`batches/${batch.batchId}/manifest`)).toBe(true);
  });

  it('reports invalid rows by row and line, and runs the others', async () => {
    const text = `{"prompt":"one"}\n\nnot json\n{"prompt":"three","durationSeconds":5}\n[1]\n{"prompt":"five","promt":"x"}\n{"prompt":"six"}\n`;
    const batch = await startBatch(world, text);
    await runFor(world, HOUR);
    const report = await reportOf(world, batch);
    expect(report.map(({ row, line, status }) => [row, line, status])).toEqual([
      [1, null, 'succeeded'],
      [2, 3, 'invalid'],
      [3, 4, 'invalid'],
      [4, 5, 'invalid'],
      [5, 6, 'invalid'],
      [6, null, 'succeeded'],
    ]);
    expect(report[1]?.error?.message).toContain('is not JSON');
    expect(report[2]?.error?.message).toContain('durationSeconds: is 5; allowed: 4, 6, 8');
    expect(report[3]?.error?.message).toContain('is a list, not a JSON object');
    expect(report[4]?.error?.message).toContain('promt: is not a field');
    const csv = textOfReport(await batchNow(world, batch), world, 'csv').split('\n');
    expect(csv[0]).toBe('row,line,job,status,uris,seconds,priceUsd,unknownUsd,errorCode,error');
    expect(csv).toHaveLength(6 + 2);
  });

  it('that is strict creates no job if any row is invalid', async () => {
    const batch = await startBatch(world, jsonl([...kittens(120), { prompt: 'x', durationSeconds: 5 }]), {
      strict: true,
    });
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({
      status: 'failed',
      error: { code: 'ROWS_FAULTY', message: expect.stringContaining('1 of 121 rows') },
    });
    expect(await world.jobs.all()).toEqual([]);
    expect((await reportOf(world, batch)).map(({ row }) => row)).toEqual([121]);
  });

  it('that is strict and has no invalid row runs normally', async () => {
    const batch = await startBatch(world, jsonl(kittens(120)), { strict: true });
    await runFor(world, 3 * HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done', totals: { rows: 120, valid: 120 } });
    expect(world.vertex.calls).toHaveLength(120);
  });

  it('stops admitting rows at maxSpendUsd and reports the row', async () => {
    const whole = await startBatch(world, jsonl(kittens(10)), { dryRun: true });
    await runFor(world, HOUR);
    const { totals } = await batchNow(world, whole);
    const perRowUsd = totals.priceUsd / 10;
    const batch = await startBatch(world, jsonl(kittens(10)), { maxSpendUsd: perRowUsd * 4.5 });
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({
      status: 'done',
      cappedAtRow: 5,
      totals: { valid: 4 },
    });
    expect(world.vertex.calls).toHaveLength(4);
    const report = await reportOf(world, batch);
    expect(report.map(({ status }) => status)).toEqual([...Array(4).fill('succeeded'), 'not-admitted']);
  });

  it('has no more than 500 unfinished jobs at once', async () => {
    const batch = await startBatch(world, jsonl(kittens(650)));
    let { wakes: seq } = batch;
    for (let steps = 0; steps < 30; steps++) {
      await handleBatch(world.services, { batchId: batch.batchId, seq });
      seq = (await batchNow(world, batch)).wakes;
    }
    expect(await world.jobs.countOfBatch(batch.batchId, ['queued'])).toBe(500);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'expanding', cursor: { row: 500 } });
  });
});

describe('a dry run', () => {
  it('validates every row, creates no job, and reports the price of the batch', async () => {
    const batch = await startBatch(world, jsonl([...kittens(299), { prompt: '' }]), { dryRun: true });
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({
      status: 'done',
      totals: { rows: 300, valid: 299, faults: 1, seconds: 299 * 4 },
    });
    expect((await batchNow(world, batch)).totals.priceUsd).toBeGreaterThan(0);
    expect(await world.jobs.all()).toEqual([]);
    expect((await reportOf(world, batch)).map(({ row }) => row)).toEqual([300]);
  });

  it('of an inline list is answered at once', async () => {
    const { status, body } = await apiOf(world).post('/v1/batches', {
      rows: [...kittens(2), 7],
      dryRun: true,
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: 'done',
      rows: { read: 3, valid: 2, invalid: 1 },
      estimate: { seconds: 8 },
      firstInvalid: [{ row: 3, line: 3, fault: 'is 7, not a JSON object.' }],
    });
  });
});

describe('control of a batch', () => {
  const post = (id: string, action: string) => apiOf(world).post(`/v1/batches/${id}/${action}`);

  it('pause stops reading rows until the batch is resumed', async () => {
    const batch = await startBatch(world, jsonl(kittens(250)));
    const { batchId } = batch;
    await handleBatch(world.services, { batchId, seq: 1 });
    await handleBatch(world.services, { batchId, seq: 2 });
    expect((await post(batchId, 'pause')).body).toMatchObject({ status: 'paused', rows: { read: 100 } });
    await runFor(world, 3 * HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'paused' });
    expect(await world.jobs.all()).toHaveLength(100);
    expect((await post(batchId, 'resume')).body).toMatchObject({ status: 'expanding' });
    await runFor(world, 5 * HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done', totals: { valid: 250 } });
    expect(world.vertex.calls).toHaveLength(250);
  });

  it('cancel ends unfinished jobs, admits no more rows, and writes the report', async () => {
    const batch = await startBatch(world, jsonl(kittens(250)));
    const { batchId } = batch;
    await handleBatch(world.services, { batchId, seq: 1 });
    await handleBatch(world.services, { batchId, seq: 2 });
    expect((await post(batchId, 'cancel')).body).toMatchObject({ status: 'cancelling' });
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'cancelled' });
    expect((await reportOf(world, batch)).map(({ status }) => status)).toEqual(Array(100).fill('cancelled'));
    expect((await post(batchId, 'resume')).status).toBe(409);
  });

  it('retry creates new jobs for the failed rows only, and the next report contains them', async () => {
    const { onSubmit } = world.vertex;
    world.vertex.onSubmit = (call) =>
      call.stage.prompt?.endsWith('2')
        ? { kind: 'failed', signal: { kind: 'http', status: 400, message: 'no such thing' } }
        : onSubmit(call);
    const batch = await startBatch(world, jsonl(kittens(12)));
    const { batchId } = batch;
    await runFor(world, HOUR);
    expect(
      (await reportOf(world, batch)).filter(({ status }) => status === 'failed').map(({ row }) => row),
    ).toEqual([2, 12]);
    world.vertex.onSubmit = onSubmit;
    expect((await post(batchId, 'retry')).body).toMatchObject({ status: 'retrying' });
    await runFor(world, HOUR);
    const after = await batchNow(world, batch);
    expect(after).toMatchObject({
      status: 'done',
      retries: 1,
      report: { rows: 12, csv: `batches/${batchId}/report-2.csv` },
    });
    expect((await reportOf(world, batch)).every(({ status }) => status === 'succeeded')).toBe(true);
    const { body } = await apiOf(world).get(`/v1/batches/${batchId}`);
    expect(body['jobs']).toMatchObject({ succeeded: 12, failed: 0 });
  });

  it('is limited to the batch’s caller and operators', async () => {
    const { batchId } = await startBatch(world, jsonl(kittens(1)));
    expect((await apiOf(world, 'somebody').get(`/v1/batches/${batchId}`)).status).toBe(404);
    expect((await apiOf(world, 'somebody').post(`/v1/batches/${batchId}/cancel`)).status).toBe(404);
    expect((await apiOf(world, 'operator').get(`/v1/batches/${batchId}`)).status).toBe(200);
    expect((await apiOf(world, 'somebody').get('/v1/batches')).body).toEqual({ batches: [] });
    expect((await apiOf(world).get('/v1/batches')).body).toMatchObject({ batches: [{ id: batchId }] });
  });

  it('returns the report as a signed link once it exists', async () => {
    const { batchId } = await startBatch(world, jsonl(kittens(1)));
    expect((await apiOf(world).get(`/v1/batches/${batchId}/report`)).status).toBe(404);
    await runFor(world, HOUR);
    const answer = await apiOf(world).get(`/v1/batches/${batchId}/report?format=jsonl`);
    expect([answer.status, answer.headers.get('location')]).toEqual([
      302,
      `https://signed.test/out/batches/${batchId}/report.jsonl`,
    ]);
  });
});

describe('creating a batch', () => {
  it.each(['jobs/', 'claims/', 'claims/job_a/'])(
    'refuses a report in the folder %s',
    async (reportPrefix) => {
      await expect(
        createBatch(world.services, { caller: 'local', body: { rows: kittens(1), reportPrefix } }),
      ).rejects.toThrow('reportPrefix');
    },
  );

  it('twice with the same cause creates one batch, and a different request with that cause is refused', async () => {
    const make = (rows: unknown[]) =>
      createBatch(world.services, { caller: 'local', body: { rows }, cause: ['schedule', 's', '1'] });
    const [first, second] = [await make(kittens(2)), await make(kittens(2))];
    expect([first.created, second.created, second.batch.batchId]).toEqual([true, false, first.batch.batchId]);
    await expect(make(kittens(3))).rejects.toThrow('with a different body');
  });

  it('is refused with all errors of the request', async () => {
    const { status, body } = await apiOf(world).post('/v1/batches', {
      rows: kittens(1),
      manifest: { gcsUri: 'gs://in/x' },
      template: { promt: '{x}' },
    });
    expect(status).toBe(400);
    expect(body['detail']).toBe(
      'manifest: is given beside rows; send exactly one of the two. template.promt: is not a field of a job request; did you mean prompt?',
    );
  });

  it('is refused for a manifest that the caller may not read or that does not exist', async () => {
    const make = (gcsUri: string) => apiOf(world).post('/v1/batches', { manifest: { gcsUri } });
    expect((await make('gs://in/callers/other/x.csv')).body['detail']).toContain('may read from');
    expect((await make('gs://shared/x.csv')).body['detail']).toContain('does not exist');
  });
});

describe('a manifest that cannot be read', () => {
  const cases: readonly (readonly [
    claim: string,
    content: string | Uint8Array,
    name: string,
    message: string,
  ])[] = [
    ['is empty', '', 'a.csv', 'The manifest is empty.'],
    ['is blank', ' \r\n\n', 'a.jsonl', 'The manifest is empty.'],
    [
      'is binary',
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13]),
      'a.jsonl',
      'is binary: byte 9 is zero',
    ],
    [
      'is a workbook',
      Buffer.from('PK\u0003\u0004xxxx'),
      'a.csv',
      'is a ZIP or an Excel workbook; export it as CSV',
    ],
    ['is UTF-16', Buffer.from('\uFEFFprompt\nx\n', 'utf16le'), 'a.csv', 'is UTF-16; save it as UTF-8.'],
    [
      'is broken gzip',
      gzipSync(jsonl(kittens(500))).subarray(0, 200),
      'a.jsonl.gz',
      'cannot be unzipped: unexpected end of file',
    ],
    ['is gzip in gzip', gzipSync(gzipSync('x')), 'a.jsonl.gz', 'is zipped twice'],
    ['has a header and no rows', 'prompt,seed\n', 'a.csv', 'The manifest has no rows.'],
    ['names a column twice', 'prompt,seed,prompt\nx,1,y\n', 'a.csv', "two columns named 'prompt'"],
    ['has broken quotes in its header', 'pro"mpt,x\na,b\n', 'a.csv', 'has an invalid header'],
  ];
  for (const [claim, content, name, message] of cases) {
    it(`${claim}: the batch fails with that error`, async () => {
      const batch = await startBatch(world, content, {}, name);
      await runFor(world, HOUR);
      const after = await batchNow(world, batch);
      expect(after).toMatchObject({ status: 'failed', error: { message: expect.stringContaining(message) } });
      expect(await world.jobs.all()).toEqual([]);
    });
  }

  it('lacks the column that the template needs: the batch fails and names it', async () => {
    const batch = await startBatch(
      world,
      'town\nParis\n',
      { template: { prompt: 'a cat in {city}' } },
      'a.csv',
    );
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({
      status: 'failed',
      error: {
        message: expect.stringContaining(
          'has no column for {city}, which the template needs. Its columns are town',
        ),
      },
    });
  });

  it('is replaced while it is read: the batch fails and names the generation', async () => {
    const batch = await startBatch(world, jsonl(kittens(250)));
    await handleBatch(world.services, { batchId: batch.batchId, seq: 1 });
    await handleBatch(world.services, { batchId: batch.batchId, seq: 2 });
    world.input.put('shared/manifest.jsonl', Buffer.from(jsonl(kittens(3))));
    await runFor(world, 3 * HOUR);
    expect(await batchNow(world, batch)).toMatchObject({
      status: 'failed',
      error: { code: 'MANIFEST_GONE' },
    });
    expect(await reportOf(world, batch)).toHaveLength(100);
  });
});

describe('an invalid row', () => {
  const faultsOf = async (content: string | Uint8Array, body: Record<string, unknown>, name: string) => {
    const batch = await startBatch(world, content, { dryRun: true, ...body }, name);
    await runFor(world, HOUR);
    return (await batchNow(world, batch)).firstFaults.map(
      ({ row, line, fault }) => `${row}@${line}: ${fault}`,
    );
  };

  it('is reported if it lacks a template variable or a field, or has too many fields', async () => {
    const csv = 'city,seed\nParis,1\n,2\nRome\nOslo,1,2\n';
    expect(await faultsOf(csv, { template: { prompt: 'a cat in {city}' } }, 'a.csv')).toEqual([
      '2@3: variables.city: is required by prompt.',
      `3@4: has 1 field, the header has 2; 'seed' is missing. The row is ["Rome"].`,
      '4@5: has 3 fields, the header has 2; a value that contains the delimiter must be in quotes. The row is ["Oslo","1","2"].',
    ]);
  });

  it('of 2 GB is skipped with little memory, and the rows after it are read', async () => {
    const [before, after] = ['{"prompt":"one"}\n', '\n{"prompt":"three"}\n'].map((text) => Buffer.from(text));
    const lineBytes = 2 * 1024 ** 3;
    const size = (before?.length ?? 0) + lineBytes + (after?.length ?? 0);
    const filler = Buffer.alloc(8 * 1024 * 1024, 'x');
    let largest = 0;
    const { head } = world.input;
    world.input.head = async (uri) => {
      const found = await head.call(world.input, uri);
      return found && uri.endsWith('long.jsonl') ? { ...found, bytes: size } : found;
    };
    world.input.readRange = async (_uri, start, end) => {
      largest = Math.max(largest, end + 1 - start);
      const bytes = Buffer.from(filler.subarray(0, end + 1 - start));
      if (start < (before?.length ?? 0)) before?.copy(bytes, 0, start);
      const tail = size - (after?.length ?? 0);
      if (end >= tail) after?.copy(bytes, Math.max(0, tail - start), Math.max(0, start - tail));
      return bytes;
    };
    expect(await faultsOf('x', {}, 'long.jsonl')).toEqual(['2@2: is longer than 1 MiB (1,048,576 bytes).']);
    expect(largest).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect((await world.batches.list({ pageSize: 1 }))[0]).toMatchObject({ totals: { rows: 3, valid: 2 } });
  });

  it('is reported if it has another encoding, broken quotes, or text in a numeric field', async () => {
    const csv = Buffer.from('prompt,seed\ncaf\xe9,1\n"a "cat",2\nfine,three\nfine,4\n', 'latin1');
    expect(await faultsOf(csv, {}, 'a.csv')).toEqual([
      "1@2: is not UTF-8 (byte 0xE9 after 'caf'); save the manifest as UTF-8.",
      '2@3: the closing quote in field 1 is followed by text; write a quote inside a value twice. The line is ""a "cat",2".',
      '3@4: seed: is "three"; it must be a whole number, such as 42.',
    ]);
  });
});

describe('a batch whose steps are lost, repeated or interrupted', () => {
  it('has the same jobs and counts, however often its process crashes', async () => {
    let kills = 0;
    const batch = await startBatch(world, jsonl([...kittens(230), 5, ...kittens(30)]));
    const { batchId } = batch;
    const { jobs } = world;
    const create = jobs.create.bind(jobs);
    let until = 7;
    // The process crashes at every seventh job, alternately before and after the job is stored.
    jobs.create = async (job) => {
      const dies = --until <= 0 && kills < 60;
      if (dies && kills % 2 === 0) {
        kills++;
        until = 7;
        throw new Error('killed before');
      }
      const answer = await create(job);
      if (dies) {
        kills++;
        until = 7;
        throw new Error('killed after');
      }
      return answer;
    };
    for (let steps = 0; steps < 400; steps++) {
      const now = await batchNow(world, batch);
      if (now.status !== 'expanding') break;
      // Each step is delivered twice concurrently, and once more when it is stale.
      const seq = now.wake.seq;
      await Promise.allSettled([
        handleBatch(world.services, { batchId, seq }),
        handleBatch(world.services, { batchId, seq }),
      ]);
      await handleBatch(world.services, { batchId, seq: seq - 1 });
    }
    expect(kills).toBeGreaterThan(20);
    const rows = (await world.jobs.all()).map(({ batch: link }) => link?.row ?? 0).sort((a, b) => a - b);
    expect(rows).toEqual([
      ...Array.from({ length: 230 }, (_, n) => n + 1),
      ...Array.from({ length: 30 }, (_, n) => n + 232),
    ]);
    expect(await batchNow(world, batch)).toMatchObject({ totals: { rows: 261, valid: 260, faults: 1 } });
    await runFor(world, 6 * HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done' });
    expect((await reportOf(world, batch)).map(({ row }) => row)).toEqual(
      Array.from({ length: 261 }, (_, n) => n + 1),
    );
    expect(world.vertex.calls).toHaveLength(260);
  });

  it('gets its wake re-enqueued by the sweep after its task was lost', async () => {
    world.tasks.failNext = 1;
    const batch = await startBatch(world, jsonl(kittens(3)));
    expect(world.tasks.waitingBatches).toEqual([]);
    world.clock.advance(61_000);
    await handleSweep(world.services);
    expect(world.tasks.waitingBatches).toMatchObject([{ wake: { seq: 1, ring: 1 } }]);
    await runFor(world, HOUR);
    expect(await batchNow(world, batch)).toMatchObject({ status: 'done' });
  });

  it('reports a row as invalid that could not be validated in repeated tries', async () => {
    const image = { gcsUri: 'gs://shared/x.png', mimeType: 'image/png' };
    const batch = await startBatch(world, jsonl([{ prompt: 'fine' }, { prompt: 'x', image }]));
    const { head } = world.input;
    world.input.head = (uri) =>
      uri === image.gcsUri
        ? Promise.reject(new Error('the bucket answers 503'))
        : head.call(world.input, uri);
    const { batchId } = batch;
    await handleBatch(world.services, { batchId, seq: 1 });
    await expect(handleBatch(world.services, { batchId, seq: 2 })).rejects.toThrow('503');
    world.tasks.waitingBatches.length = 0;
    for (let enqueues = 0; enqueues < 3; enqueues++) {
      world.clock.advance(61_000);
      await handleSweep(world.services);
      world.tasks.waitingBatches.length = 0;
    }
    await handleBatch(world.services, { batchId, seq: 2 });
    expect((await batchNow(world, batch)).firstFaults).toMatchObject([
      { row: 2, fault: expect.stringContaining('could not be validated') },
    ]);
  });
});
