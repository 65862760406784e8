/** Every mode end to end over HTTP, concurrently on one stack. ffprobe checks the files if it is installed. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { mp4DurationSeconds } from '../../functions/core/media/mp4.ts';
import { PNG } from '../support/images.ts';
import { type JobView, startTestStack, type TestStack } from '../support/local-stack.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const dir = temporaryDir();
let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ speedUp: 60, allowRetiredModels: true });
});
afterAll(() => stack.dispose());

const inline = { bytesBase64Encoded: PNG.toString('base64'), mimeType: 'image/png' };
const hasFfprobe = (() => {
  try {
    execFileSync('ffprobe', ['-version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

let files = 0;
async function download({ videos = [] }: JobView, n = 0): Promise<Buffer> {
  const response = await fetch(`${stack.endpoints.api}${videos[n]?.href}`);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

/** The duration in seconds, and ffprobe's codec, size, frame rate and duration. */
async function probe(bytes: Buffer): Promise<{ seconds: number | undefined; probe: string | undefined }> {
  const seconds = await mp4DurationSeconds(bytes.length, async (start, end) =>
    bytes.subarray(start, end + 1),
  );
  if (!hasFfprobe) return { seconds, probe: undefined };
  const file = path.join(dir, `${++files}.mp4`);
  writeFileSync(file, bytes);
  const fields = 'stream=codec_name,width,height,r_frame_rate,duration';
  const output = execFileSync('ffprobe', ['-v', 'error', '-show_entries', fields, '-of', 'csv=p=0', file], {
    encoding: 'utf8',
  });
  return { seconds, probe: output.trim() };
}

async function succeed(body: unknown): Promise<JobView> {
  const { id } = await stack.submit(body);
  const job = await stack.finished(id);
  expect(job.error, JSON.stringify(job.error)).toBeUndefined();
  return job;
}

const LANDSCAPE = '320,180';
const PORTRAIT = '180,320';
const OMNI = 'gemini-omni-1.2-flash';
const reference = { image: inline, referenceType: 'asset' };

describe.concurrent('every mode lands a video of the requested duration and aspect ratio', () => {
  it.each<[string, unknown, number, string]>([
    ['text', { prompt: 'a', durationSeconds: 4 }, 4, LANDSCAPE],
    ['text, portrait', { prompt: 'a', durationSeconds: 6, aspectRatio: '9:16' }, 6, PORTRAIT],
    ['an image', { prompt: 'a', image: inline, durationSeconds: 4 }, 4, LANDSCAPE],
    ['an image without a prompt', { image: inline, durationSeconds: 4, aspectRatio: '9:16' }, 4, PORTRAIT],
    [
      'first and last frame',
      { prompt: 'a', image: inline, lastFrame: inline, durationSeconds: 4 },
      4,
      LANDSCAPE,
    ],
    ['three references', { prompt: 'a', referenceImages: [reference, reference, reference] }, 8, LANDSCAPE],
    [
      'a chain of one video and three extensions',
      { prompt: 'a', extensions: [{ prompt: 'b' }, {}, { prompt: 'd' }] },
      29,
      LANDSCAPE,
    ],
    [
      'a first frame by Gemini',
      { prompt: 'a', firstFrame: { prompt: 'b' }, durationSeconds: 4 },
      4,
      LANDSCAPE,
    ],
    [
      'a first frame by Gemini on the Developer API',
      { prompt: 'a', firstFrame: { prompt: 'b', provider: 'gemini' }, durationSeconds: 4 },
      4,
      LANDSCAPE,
    ],
    [
      'a first frame by Imagen',
      {
        prompt: 'a',
        firstFrame: { prompt: 'b', model: 'imagen-4.0-fast-generate-001' },
        aspectRatio: '9:16',
        durationSeconds: 4,
      },
      4,
      PORTRAIT,
    ],
    [
      'a first frame of 2K by Imagen on the Developer API',
      {
        prompt: 'a',
        firstFrame: {
          prompt: 'b',
          provider: 'gemini',
          model: 'imagen-4.0-generate-001',
          imageSize: '2K',
        },
        durationSeconds: 4,
      },
      4,
      LANDSCAPE,
    ],
    [
      'an edited first frame',
      { prompt: 'a', firstFrame: { prompt: 'make it snow', image: inline }, durationSeconds: 4 },
      4,
      LANDSCAPE,
    ],
    [
      'Veo on the Developer API',
      { prompt: 'a', model: 'veo-3.1-generate-preview', durationSeconds: 4 },
      4,
      LANDSCAPE,
    ],
    [
      'a chain on the Developer API',
      { prompt: 'a', model: 'veo-3.1-generate-preview', durationSeconds: 4, extensions: [{}] },
      11,
      LANDSCAPE,
    ],
    ['Omni, text', { prompt: 'a', model: OMNI, durationSeconds: 3, aspectRatio: '9:16' }, 3, PORTRAIT],
    [
      'Omni, first and last frame',
      { prompt: 'a', model: OMNI, image: inline, lastFrame: inline, durationSeconds: 10 },
      10,
      LANDSCAPE,
    ],
    ['Omni, an image', { prompt: 'a', model: OMNI, image: inline, durationSeconds: 5 }, 5, LANDSCAPE],
    [
      'Omni, references',
      { prompt: 'a', model: OMNI, referenceImages: [reference], durationSeconds: 4 },
      4,
      LANDSCAPE,
    ],
    [
      'Omni, extended twice: the second link is longer than a video that is sent as bytes may be',
      {
        ...{ prompt: 'a', model: OMNI, durationSeconds: 8 },
        extensions: [{ durationSeconds: 4 }, { durationSeconds: 3 }],
      },
      15,
      LANDSCAPE,
    ],
    ['a template', { prompt: 'A {animal}', variables: { animal: 'cat' }, durationSeconds: 4 }, 4, LANDSCAPE],
  ])(
    '%s',
    async (_, body, seconds, shape) => {
      const job = await succeed(body);
      const found = await probe(await download(job));
      expect(found.seconds).toBe(seconds);
      if (found.probe !== undefined) expect(found.probe).toBe(`h264,${shape},24/1,${seconds.toFixed(6)}`);
    },
    120_000,
  );

  it.each([1, 2, 3, 4])(
    '%i samples',
    async (sampleCount) => {
      const job = await succeed({ prompt: 'a', sampleCount, durationSeconds: 4 });
      expect(job.videos).toHaveLength(sampleCount);
      for (let n = 0; n < sampleCount; n++) expect((await probe(await download(job, n))).seconds).toBe(4);
    },
    120_000,
  );

  it('the video of a finished job can be extended', async () => {
    const first = await succeed({ prompt: 'a', durationSeconds: 4 });
    const extended = await succeed({ prompt: 'b', video: { job: first.id } });
    expect((await probe(await download(extended))).seconds).toBe(11);
  });

  it('Omni takes the video of 3 s of a finished job as a reference', async () => {
    const first = await succeed({ prompt: 'a', model: OMNI, durationSeconds: 3 });
    const referenceVideos = [{ video: { job: first.id } }];
    const made = await succeed({ prompt: 'b', model: OMNI, referenceVideos, durationSeconds: 4 });
    expect((await probe(await download(made))).seconds).toBe(4);
    expect(made.request).toMatchObject({ referenceVideos: [{ durationSeconds: 3 }] });
  });

  it('Omni edits and upscales a finished job’s portrait video, and continues it for three turns', async () => {
    const first = await succeed({ prompt: 'a', model: OMNI, durationSeconds: 5, aspectRatio: '9:16' });
    const land = async (body: Record<string, unknown>): Promise<[JobView, unknown]> => {
      const job = await succeed({ model: OMNI, ...body });
      return [job, await probe(await download(job))];
    };
    const shape = (seconds: number, size = PORTRAIT) => ({
      seconds,
      probe: hasFfprobe ? `h264,${size},24/1,${seconds.toFixed(6)}` : undefined,
    });
    const [[, edited], [, upscaled], [second, next]] = await Promise.all([
      land({ prompt: 'make it snow', task: 'edit', video: { job: first.id }, referenceImages: [reference] }),
      land({ task: 'upscale', video: { job: first.id }, resolution: '1080p' }),
      land({ prompt: 'now at night', previousJob: first.id }),
    ]);
    expect([edited, upscaled, next]).toEqual([shape(5), shape(5, '360,640'), shape(5)]);
    expect(second.attempts).toMatchObject([{ stage: 'edit', state: 'landed' }]);
    expect(second.request).toMatchObject({
      previousTurn: { jobId: first.id, operationName: first.attempts[0]?.operationName },
    });
    const [, third] = await land({
      ...{ prompt: 'and on', task: 'extend', durationSeconds: 3 },
      ...{ previousJob: second.id, extensions: [{ durationSeconds: 4 }] },
    });
    expect(third).toEqual(shape(12));
    await expect(
      stack.submit({ model: OMNI, task: 'upscale', video: { job: first.id }, resolution: '360p' }),
    ).rejects.toThrow('Name a larger resolution');
  });

  it('a next turn is refused for a job that did not run on Omni and for an unknown job', async () => {
    const veo = await succeed({ prompt: 'a', durationSeconds: 4 });
    const body = { prompt: 'b', model: OMNI };
    await expect(stack.submit({ ...body, previousJob: veo.id })).rejects.toThrow('Use its video instead');
    await expect(stack.submit({ ...body, previousJob: 'job_none' })).rejects.toThrow(
      'Job job_none does not exist',
    );
  });

  it('an image uploaded through a signed URL is accepted, and a truncated one is refused', async () => {
    const upload = async (bytes: Uint8Array): Promise<unknown> => {
      const response = await fetch(`${stack.endpoints.api}/v1/uploads`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"mimeType":"image/png"}',
      });
      const link = z
        .object({ url: z.string(), gcsUri: z.string(), headers: z.record(z.string(), z.string()) })
        .parse(await response.json());
      const put = await fetch(link.url, { method: 'PUT', headers: link.headers, body: Buffer.from(bytes) });
      expect(put.status).toBe(200);
      return { gcsUri: link.gcsUri, mimeType: 'image/png' };
    };
    const job = await succeed({ prompt: 'a', image: await upload(PNG), durationSeconds: 4 });
    expect(job.videos).toHaveLength(1);
    await expect(stack.submit({ prompt: 'a', image: await upload(PNG.subarray(0, 50)) })).rejects.toThrow(
      'truncated',
    );
  });
});

describe('the safety filter', () => {
  it('keeps the other videos if it withholds some, and fails the job without a charge if it withholds all', async () => {
    const part = await succeed({
      prompt: 'a [simulate: safety-filter=1]',
      sampleCount: 2,
      durationSeconds: 4,
    });
    expect(part.videos).toHaveLength(1);
    const { id } = await stack.submit({
      prompt: 'a [simulate: safety-filter xall]',
      durationSeconds: 4,
      rerollOnSafety: 1,
    });
    const whole = await stack.finished(id);
    expect(whole).toMatchObject({ status: 'failed', error: { code: 'SAFETY_FILTERED', charged: 'no' } });
    expect(whole.attempts).toHaveLength(2);
  });
});
