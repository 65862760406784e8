/**
 * Client libraries that others wrote, unmodified, against the local stack: each gets a base URL and a key (or credentials
 * of Google's kind). `docs/clients.md` describes the same versions.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseMp4 } from '../../infra/mp4/mp4-parser.ts';
import { decodePng } from '../conformance/models/image-harness.ts';
import { type Run, runProgram } from '../samples/run-program.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';
import { installClients } from './install.ts';

const reportSchema = z.looseObject({
  models: z.array(z.string()).optional(),
  refused: z.string().optional(),
});
const jobsSchema = z.object({
  jobs: z.array(z.looseObject({ request: z.looseObject({ seed: z.number().optional() }) })),
});

let stack: TestStack;
beforeAll(async () => {
  await installClients();
  stack = await startTestStack({ speedUp: 200, submitPerSecond: 50 });
}, 600_000);
afterAll(() => stack.dispose());

interface Finished {
  readonly run: Run;
  readonly report: z.infer<typeof reportSchema>;
  /** The requests of the jobs that this client's key made. */
  readonly requests: readonly Record<string, unknown>[];
}

let runs = 0;

async function run(file: string, environment: Readonly<Record<string, string>>): Promise<Finished> {
  const { api } = stack.endpoints;
  // A key of its own is a caller of its own.
  const key = `client-${++runs}`;
  const usesGoogleCredentials = environment['SURFACE'] === 'vertex';
  const finished = await runProgram(
    { file: `../clients/${file}`, inputImages: ['first.png'] },
    {
      ...{ BASE_URL: api, API_KEY: key, POLL_INTERVAL_MS: '250' },
      ...environment,
      ...(usesGoogleCredentials
        ? {
            GOOGLE_APPLICATION_CREDENTIALS: stack.environment['GOOGLE_APPLICATION_CREDENTIALS'] ?? '',
            // Otherwise google-auth-library looks the project up at Google.
            GOOGLE_CLOUD_PROJECT: 'my-project',
          }
        : {}),
    },
  );
  // Locally every Google token is the caller 'local', whose jobs are listed newest first.
  const query = usesGoogleCredentials ? '?pageSize=1&caller=local' : `?caller=${key}`;
  const response = await fetch(`${api}/v1/jobs${query}`);
  const { jobs } = jobsSchema.parse(await response.json());
  const last = finished.stdout.trim().split('\n').at(-1) ?? '';
  expect({ exitCode: finished.exitCode, stderr: finished.stderr }, finished.stdout).toEqual({
    ...{ exitCode: 0, stderr: '' },
  });
  return {
    run: finished,
    report: reportSchema.parse(JSON.parse(last)),
    requests: jobs.map(({ request }) => request),
  };
}

/** Two portrait videos of four seconds, and an image. */
function expectVideos({ run: { written } }: Finished): void {
  expect(Object.keys(written).sort()).toEqual(['drawn.png', 'video-0.mp4', 'video-1.mp4']);
  for (const [name, bytes] of Object.entries(written)) {
    if (name === 'drawn.png') expect(decodePng(bytes).width).toBeGreaterThan(0);
    else expect(parseMp4(bytes), name).toMatchObject({ width: 180, height: 320, durationSeconds: 4 });
  }
}

describe.each([
  ['1.52.0', 'google-genai-1'],
  ['2.32.0', 'google-genai-2'],
  ['3.1.0', 'google-genai-3'],
  ['3.3.0', '@google/genai'],
])('@google/genai %s (measured on b5f8afa)', (version, client) => {
  it('has the version of this test', async () => {
    const { stdout } = await runProgram({ file: '../clients/version.mjs' }, { CLIENT: client });
    expect(stdout.trim()).toBe(version);
  });

  it.each(['express', 'vertex'])('on Vertex AI (%s) makes an image and two videos of it', async (surface) => {
    const finished = await run('google-genai.mjs', { CLIENT: client, SURFACE: surface });
    expectVideos(finished);
    expect(finished.report.models).toContain('publishers/google/models/veo-3.1-fast-generate-001');
    expect(finished.requests).toMatchObject([
      { model: 'veo-3.1-fast-generate-001', seed: 7, sampleCount: 2 },
    ]);
  });

  it('on the Developer API makes an image and two videos of it, unless the client itself has no Veo', async () => {
    const finished = await run('google-genai.mjs', { CLIENT: client, SURFACE: 'developer' });
    expect(finished.report.models).toContain('models/veo-3.1-generate-preview');
    if (version.startsWith('3.')) {
      expect(finished.report.refused).toMatch(/^This method is only supported by/);
      expect(finished.requests).toEqual([]);
    } else {
      expectVideos(finished);
      expect(finished.requests).toMatchObject([{ model: 'veo-3.1-generate-001', sampleCount: 2 }]);
    }
  });
});

describe('the AI SDK (vercel/ai#13085)', () => {
  it.each(['express', 'vertex'])(
    'with @ai-sdk/google-vertex (%s) makes an image and two videos',
    async (surface) => {
      const finished = await run('ai-sdk.mjs', { SURFACE: surface });
      expectVideos(finished);
      expect(finished.requests).toMatchObject([
        {
          model: 'veo-3.1-fast-generate-001',
          seed: 7,
          sampleCount: 2,
          resolution: '720p',
          durationSeconds: 4,
        },
      ]);
    },
  );

  it('with @ai-sdk/google makes an image and two videos, with a download function for loopback', async () => {
    const finished = await run('ai-sdk.mjs', { SURFACE: 'developer', DOWNLOAD: 'own' });
    expectVideos(finished);
    expect(finished.requests).toMatchObject([{ model: 'veo-3.1-generate-001', seed: 7, sampleCount: 2 }]);
  });

  it('with @ai-sdk/google refuses links to this machine by itself, and only with its own download', async () => {
    const { report } = await run('ai-sdk.mjs', { SURFACE: 'developer' });
    expect(report.refused).toMatch(/127\.0\.0\.1 is not allowed/);
  });
});

describe('Genkit (genkit-ai/genkit#4025)', () => {
  it('with its plugin of the Developer API makes an image and two videos, and lists the living models', async () => {
    const finished = await run('genkit.mjs', {});
    expectVideos(finished);
    expect(finished.report.models).toContain('googleai/veo-3.1-generate-001');
    expect(finished.report.models).not.toContain('googleai/veo-3.0-generate-001');
    expect(finished.requests).toMatchObject([{ model: 'veo-3.1-generate-001', seed: 7, sampleCount: 2 }]);
  });
});

it('docs/clients.md names the versions that these tests run', () => {
  const text = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8');
  const versions = z.record(z.string(), z.string());
  const manifestOf = (file: string) =>
    z
      .object({ dependencies: versions, devDependencies: versions.default({}) })
      .parse(JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')));
  const { dependencies, devDependencies } = manifestOf('../../package.json');
  const clients = {
    ...manifestOf('package.json').dependencies,
    '@google/genai': dependencies['@google/genai'] ?? '',
    'google-genai-2': devDependencies['google-genai-2'] ?? '',
  };
  for (const [name, version] of Object.entries(clients)) {
    expect(version, name).toMatch(/\d$/);
    expect(text, name).toContain(version.replace(/^.*@/, ''));
  }
});
