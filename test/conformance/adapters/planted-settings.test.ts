/**
 * Every setting that a model takes arrives in the paid call of its provider, whichever way the request came: as JSON, as
 * a row of a table, or as a body of Google's own surfaces.
 */
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGeminiProvider } from '../../../functions/adapters/gemini-provider.ts';
import { createOmniProvider } from '../../../functions/adapters/omni-provider.ts';
import { createVertexProvider } from '../../../functions/adapters/vertex-provider.ts';
import { bodyOfRecord } from '../../../functions/core/batch/row-body.ts';
import {
  findModel,
  type ImageModelSpec,
  resolutionsOf,
} from '../../../functions/core/catalogue/catalogue.ts';
import {
  GOOGLE_SETTINGS,
  SETTINGS,
  type Setting,
  settingsOf,
} from '../../../functions/core/catalogue/model-settings.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { requestOfGoogle } from '../../../functions/core/compat/request-of-google.ts';
import { type Stage, stagesOf } from '../../../functions/core/job/stages.ts';
import { REQUEST_FIELDS } from '../../../functions/core/request/request-body.ts';
import type { VideoProvider } from '../../../functions/ports.ts';
import { startTokenServer } from '../../../infra/identity/token-server.ts';
import { loadIdentity } from '../../../infra/shared/identity.ts';
import { credentialsFor } from '../../support/credentials.ts';
import { complete, NONE, RULES } from '../../support/parsed-requests.ts';
import { temporaryDir } from '../../support/temporary-dir.ts';
import { wholeRequests } from '../../support/whole-requests.ts';

const TOPIC = 'projects/p/topics/planted';
/** None of them is a default. Every model that takes the setting takes the value in text mode. */
const PLANTED: Readonly<Record<Setting, unknown>> = {
  aspectRatio: '9:16',
  resolution: '1080p',
  seed: 424242,
  negativePrompt: 'planted words',
  enhancePrompt: false,
  generateAudio: false,
  personGeneration: 'allow_all',
  resizeMode: 'crop',
  compressionQuality: 'lossless',
  fps: 24,
  labels: { planted: 'label' },
  pubsubTopic: TOPIC,
};
const rules = { ...RULES, allowRetired: true, pubsubTopics: [TOPIC] };

const dir = temporaryDir();
let server: Server;
let tokens: Awaited<ReturnType<typeof startTokenServer>>;
let providers: Readonly<Record<string, VideoProvider>> = {};
let seen: unknown[] = [];

beforeAll(async () => {
  tokens = await startTokenServer(loadIdentity(dir));
  process.env['GOOGLE_CLOUD_PROJECT'] = 'p';
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = credentialsFor(
    dir,
    `http://127.0.0.1:${tokens.port}/token`,
  );
  server = createServer(
    wholeRequests((_, received, response) => {
      seen.push(JSON.parse(received.toString()));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"name": "op", "id": "op"}');
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const baseUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const getAccessToken = async (): Promise<string> => 't';
  const readNothing = async (): Promise<Uint8Array> => Buffer.of();
  const pollTimeoutMs = 5000;
  const omniOn = (backend: Parameters<typeof createOmniProvider>[0]['backend']): VideoProvider =>
    createOmniProvider({ backend, pollTimeoutMs, readInput: readNothing, fetch });
  providers = {
    vertex: createVertexProvider({ project: 'p', getAccessToken, baseUrl, pollTimeoutMs }),
    gemini: createGeminiProvider({ apiKey: 'k', baseUrl, pollTimeoutMs, readImage: readNothing, fetch }),
    omni: omniOn({ kind: 'developer', apiKey: 'k', baseUrl }),
    omniOnVertex: omniOn({ kind: 'vertex', project: 'p', baseUrl, getAccessToken, idOf: (id) => id }),
  };
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await tokens.stop();
});

/** The values in the body of the stage's paid call, in lower case, under their paths. */
async function sentFor(adapter: string, stage: Stage): Promise<ReadonlyMap<string, string>> {
  seen = [];
  const call = { jobId: 'job_1', attemptId: 'att_1', location: 'global', outputUri: 'gs://b/o/' };
  const submit = await providers[adapter]?.prepare({ ...call, stage, timeoutMs: 90_000 });
  await submit?.();
  expect(seen).toHaveLength(1);
  return new Map(leavesOf(seen[0], ''));
}

function leavesOf(value: unknown, path: string): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[path, String(value).toLowerCase()]];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, `${path}.${key}`));
}

/** Whether the planted value is among what differs from the call without it. */
function hasArrived(
  planted: unknown,
  sent: ReadonlyMap<string, string>,
  without: ReadonlyMap<string, string>,
) {
  const added = [...sent].filter(([path, value]) => without.get(path) !== value).map(([, value]) => value);
  return leavesOf(planted, '').every(([, value]) => added.includes(value));
}

const videoModels = CATALOGUE.models.flatMap((spec) => {
  if (spec.kind !== 'video') return [];
  const adapters = spec.provider === 'omni' ? ['omni', 'omniOnVertex'] : [spec.provider];
  return adapters.map((adapter) => ({ adapter, spec, model: spec.model }));
});

describe('a setting of a request', () => {
  it.each(videoModels)('arrives in the call of $model by $adapter, and in its extension', async (each) => {
    const { adapter, spec } = each;
    const body = { prompt: 'a', model: spec.model, provider: spec.provider, extensions: [{}] };
    const taken = SETTINGS.filter(
      (name) => name === 'aspectRatio' || name === 'resolution' || spec.takes.has(name),
    );
    const lost: string[] = [];
    for (const setting of taken) {
      // The preview's extensions are made at 720p, and take other people than its texts.
      const isSingle =
        spec.provider === 'gemini' && (setting === 'resolution' || setting === 'personGeneration');
      const asked = isSingle ? { ...body, extensions: undefined } : body;
      const other = resolutionsOf(spec).find((each) => each !== spec.defaultResolution);
      const value = setting === 'resolution' ? other : PLANTED[setting];
      const planted = { ...asked, [setting]: value };
      const plain = stagesOf(complete(asked, NONE, rules));
      for (const [n, stage] of stagesOf(complete(planted, NONE, rules)).entries()) {
        const without = await sentFor(adapter, plain[n] ?? stage);
        if (!hasArrived(value, await sentFor(adapter, stage), without)) lost.push(`${setting} of stage ${n}`);
      }
    }
    expect(lost).toEqual([]);
    expect(taken.length).toBeGreaterThan(2);
  });

  it('is taken by a model only if its provider has it', () => {
    for (const { spec } of videoModels) {
      const known: readonly string[] = [...settingsOf(spec.provider), 'previousJob'];
      expect([...spec.takes].filter((field) => !known.includes(field))).toEqual([]);
    }
  });
});

const imageModels = CATALOGUE.models.filter((spec): spec is ImageModelSpec => spec.kind === 'image');
describe('a setting of a first frame', () => {
  it.each(imageModels)('arrives in the call of $model by $provider', async (spec) => {
    const asked = (over: object, firstFrame: object): Stage =>
      stagesOf(
        complete(
          {
            ...{ prompt: 'a', model: 'veo-3.1-generate-001', durationSeconds: 4, ...over },
            firstFrame: { prompt: 'b', model: spec.model, provider: spec.provider, ...firstFrame },
          },
          NONE,
          rules,
        ),
      )[0];
    const without = await sentFor(spec.provider, asked({}, {}));
    const arrives = async (value: string, stage: Stage): Promise<void> =>
      expect(hasArrived(value, await sentFor(spec.provider, stage), without), value).toBe(true);
    await arrives('9:16', asked({ aspectRatio: '9:16' }, {}));
    await arrives('1K', asked({}, { imageSize: '1K' }));
    if (spec.takesPersonGeneration)
      await arrives('allow_adult', asked({ personGeneration: 'allow_adult' }, {}));
  });
});

describe('a setting that does not come as JSON', () => {
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

  it.each(SETTINGS.filter((name) => name !== 'labels'))('is read from the cell of a table: %s', (setting) => {
    const row = bodyOfRecord(
      {
        kind: 'fields',
        row: 1,
        line: 2,
        startByte: 0,
        next: { byte: 0, row: 2, line: 3, isSkipping: false },
        values: ['a', textOf(PLANTED[setting])],
      },
      {
        ...{ template: undefined, defaults: undefined, columns: ['prompt', setting], misspelt: new Map() },
        ...{ fields: REQUEST_FIELDS, lane: 'batch' },
      },
    );
    expect(row).toMatchObject({ body: { [setting]: PLANTED[setting] } });
  });

  it.each(GOOGLE_SETTINGS)('is read from Google’s own parameters, also as a string: %s', (setting) => {
    const spec = findModel(CATALOGUE, 'veo-3.1-generate-001');
    if (spec?.kind !== 'video') throw new Error('the catalogue has no such model');
    const asked = { surface: 'vertex', model: spec.model, running: { spec } } as const;
    for (const value of [PLANTED[setting], textOf(PLANTED[setting])]) {
      const { body } = requestOfGoogle(
        { instances: [{ prompt: 'a' }], parameters: { [setting]: value } },
        asked,
      );
      expect(body).toMatchObject({ [setting]: PLANTED[setting] });
    }
  });
});
