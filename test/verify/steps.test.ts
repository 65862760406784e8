/** Each free step: what it finds in a project that is as assumed, and in one that is not. */
import { afterEach, describe, expect, it } from 'vitest';
import { gibOf } from '../../infra/verify/deployment.ts';
import type { Finding } from '../../infra/verify/step.ts';
import { topLevelBoxes } from '../../infra/verify/steps/links.ts';
import { type Call, NUMBER, PROJECT, REGION } from './google-server.ts';
import { freeStep, JOB, makeRig, type Rig, type RigOptions } from './rig.ts';

let rig: Rig | undefined;
afterEach(() => rig?.google.stop());

async function find(id: string, options: RigOptions = {}): Promise<Finding> {
  rig = await makeRig({
    jobs: { 'first-video': JOB, 'last-frame-lite': JOB, 'omni-references': JOB },
    ...options,
  });
  return freeStep(id).check(rig.context);
}

const QUOTAS = `GET /v1/projects/${PROJECT}/locations/global/services`;
const ENTRIES = 'POST /v2/entries:list';
const PROMQL = `GET /v1/projects/${PROJECT}/location/global/prometheus/api/v1/query`;
const RUN = `GET /v2/projects/${PROJECT}/locations/${REGION}/services`;

describe('what differs is reported, with what was found', () => {
  const cases: [step: string, difference: string, RigOptions, found: RegExp][] = [
    [
      'access',
      'an API that is open to everybody',
      { answers: { 'GET /v1/jobs?pageSize=1': () => Response.json({}) } },
      /without a token 200, with a forged token 200, with yours 200/,
    ],
    [
      'urls',
      'a service with another URL',
      { routes: { 'run.googleapis.com': { [`${RUN}/clapper-poll`]: { urls: ['https://other.run.app'] } } } },
      /clapper-poll has https:\/\/other.run.app, not https:\/\/clapper-poll-123456789012/,
    ],
    [
      'service-agents',
      'a missing grant',
      {
        routes: {
          'cloudresourcemanager.googleapis.com': { [`POST /v3/projects/${PROJECT}:getIamPolicy`]: {} },
        },
      },
      new RegExp(`service-${NUMBER}@gcp-sa-eventarc.* lacks roles/eventarc.serviceAgent`),
    ],
    [
      'indexes',
      'an index that is still built',
      {
        routes: {
          'firestore.googleapis.com': {
            [`GET /v1/projects/${PROJECT}/databases/clapper/collectionGroups/-/indexes`]: {
              indexes: [{ name: 'x', state: 'CREATING' }],
            },
          },
        },
      },
      /x CREATING/,
    ],
    [
      'indexes',
      'builds of 30 s',
      {
        routes: {
          'firestore.googleapis.com': {
            [`GET /v1/projects/${PROJECT}/databases/clapper/operations`]: {
              operations: [
                {
                  metadata: {
                    index: 'a',
                    startTime: '2026-11-30T10:00:00Z',
                    endTime: '2026-11-30T10:00:30Z',
                  },
                },
              ],
            },
          },
        },
      },
      /30 to 30 s/,
    ],
    [
      'queues',
      'a queue that is missing, and one whose rate Google rounded',
      {
        routes: {
          'cloudtasks.googleapis.com': {
            [`GET /v2/projects/${PROJECT}/locations/${REGION}/queues`]: {
              queues: [{ name: 'q/poll', state: 'PAUSED', rateLimits: { maxDispatchesPerSecond: 499 } }],
            },
          },
        },
      },
      /poll is PAUSED; poll has 499 dispatches a second, not 500/,
    ],
    ['sweep', 'no request', { routes: { 'logging.googleapis.com': { [ENTRIES]: {} } } }, /none/],
    [
      'sweep',
      'requests that are refused',
      {
        routes: { 'logging.googleapis.com': { [ENTRIES]: { entries: [{ httpRequest: { status: 403 } }] } } },
      },
      /403/,
    ],
    [
      'instance-quota',
      'a region with less than the functions may use',
      {
        routes: {
          'cloudquotas.googleapis.com': {
            [`${QUOTAS}/run.googleapis.com/quotaInfos`]: {
              quotaInfos: [
                {
                  quotaId: 'CpuAllocPerProjectRegion',
                  dimensionsInfos: [
                    { dimensions: { region: REGION }, details: { value: '10000' } },
                    { details: { value: '200000' } },
                  ],
                },
                {
                  quotaId: 'MemAllocPerProjectRegion',
                  dimensionsInfos: [{ details: { value: '99999999999' } }],
                },
              ],
            },
          },
        },
      },
      /up to 16 vCPU and 8 GiB; us-central1 has 10 vCPU/,
    ],
    [
      'model-quota',
      'a quota below the catalogue',
      {
        routes: {
          'cloudquotas.googleapis.com': {
            [`${QUOTAS}/aiplatform.googleapis.com/quotaInfos`]: {
              quotaInfos: [
                {
                  quotaId: 'x',
                  metric: 'aiplatform.googleapis.com/long_running_online_prediction_requests_per_base_model',
                  dimensionsInfos: [{ dimensions: { region: REGION }, details: { value: '10' } }],
                },
              ],
            },
          },
        },
      },
      /veo-3.1-fast-generate-001 10 \(assumed 50\)/,
    ],
    [
      'models',
      'a living model that Vertex AI lacks',
      {
        routes: {
          'us-central1-aiplatform.googleapis.com': { 'GET /v1/publishers/google/models/veo-3.1-fast': 404 },
        },
      },
      /veo-3.1-fast-generate-001 not listed \(catalogue: ga\)/,
    ],
    [
      'image-locations',
      'a model that is not served under the global endpoint',
      {
        routes: {
          'aiplatform.googleapis.com': {
            [`POST /v1/projects/${PROJECT}/locations/global/publishers/google/models/`]: 404,
          },
        },
      },
      /gemini-3.1-flash-image: global 404/,
    ],
    [
      'alert-queries',
      'a query that is refused',
      { routes: { 'monitoring.googleapis.com': { [PROMQL]: 400 } } },
      /The sweep has not run.*HTTP 400 scripted 400/,
    ],
    [
      'log-filters',
      'a filter that is refused',
      { routes: { 'logging.googleapis.com': { [ENTRIES]: 400 } } },
      /clapper_jobs_failed: .*HTTP 400/,
    ],
    [
      'keys-image',
      'an older image',
      {
        routes: {
          'run.googleapis.com': { [`${RUN}/clapper-keys`]: { template: { containers: [{ image: 'old' }] } } },
        },
      },
      /keys runs old, api runs us-central1-docker/,
    ],
    [
      'signed-upload',
      'a link that Cloud Storage refuses',
      {
        answers: {
          'POST /v1/uploads': () => Response.json({ url: 'https://s/u', headers: {}, gcsUri: 'gs://p-in/u' }),
          'PUT https://s/u': () => new Response('SignatureDoesNotMatch', { status: 403 }),
        },
      },
      /403: SignatureDoesNotMatch/,
    ],
    [
      'upload-event',
      'an event that does not come',
      { routes: { 'storage.googleapis.com': { 'POST /upload/': {}, 'DELETE /': {} } } },
      /no error file within 4 minutes/,
    ],
    [
      'signed-link',
      'a link that refuses a repeated header',
      {
        answers: {
          'GET /v1/jobs/job_1/videos/0': () =>
            new Response(null, { status: 302, headers: { location: 'https://s/v' } }),
          'GET https://s/v': (init) =>
            new Response('x', { status: new Headers(init?.headers).has('x-goog-api-client') ? 400 : 200 }),
        },
      },
      /GET 200, with an x-goog- header 400, a range 200/,
    ],
    [
      'landed-event',
      'no event',
      { routes: { 'logging.googleapis.com': { [ENTRIES]: {} } } },
      /no request to the function landed/,
    ],
    [
      'omni-webhook',
      'a webhook that is set and never called',
      {
        environment: { CLAPPER_PROVIDER_WEBHOOK_URL: 'https://keys.example/v1/provider-events' },
        routes: { 'logging.googleapis.com': { [ENTRIES]: {} } },
      },
      /no call of \/v1\/provider-events/,
    ],
    [
      'first-point',
      'a counter that misses its first value',
      {
        routes: {
          'monitoring.googleapis.com': {
            [PROMQL]: { status: 'success', data: { result: [{ value: [1, '0'] }] } },
          },
        },
      },
      /3 jobs succeeded.*increased by 0.00/,
    ],
  ];
  it.each(cases)('%s: %s', async (id, _difference, options, found) => {
    const { verdict, detail } = await find(id, options);
    expect({ verdict, detail }).toMatchObject({ verdict: 'differs', detail: expect.stringMatching(found) });
  });
});

it.each([
  'urls',
  'service-agents',
  'indexes',
  'queues',
  'sweep',
  'instance-quota',
  'model-quota',
  'models',
  'image-locations',
  'alert-queries',
  'log-filters',
  'landed-event',
  'first-point',
])('%s finds nothing that differs in a project that is as assumed', async (id) => {
  expect(await find(id)).toMatchObject({ verdict: 'as assumed' });
});

describe('a step that cannot find out says so', () => {
  it('names the audit log that is off', async () => {
    const options = { routes: { 'logging.googleapis.com': { [ENTRIES]: {} } } };
    for (const id of ['storage-writer', 'input-reader'])
      expect(await find(id, options)).toMatchObject({
        verdict: 'unknown',
        detail: expect.stringContaining('DATA_WRITE'),
      });
  });

  it('names a quota or price that Google does not list, and a metric without a value', async () => {
    const none = {
      'cloudquotas.googleapis.com': { [QUOTAS]: {} },
      'cloudbilling.googleapis.com': { 'GET /v1/services/1/skus': {} },
    };
    const host = 'cloudquotas.googleapis.com';
    const routes = {
      ...none,
      [host]: {
        [`${QUOTAS}/run.googleapis.com/quotaInfos`]: {},
        [`${QUOTAS}/aiplatform.googleapis.com/quotaInfos`]: {},
      },
      'monitoring.googleapis.com': { [PROMQL]: { status: 'success', data: { result: [] } } },
    };
    for (const id of ['instance-quota', 'model-quota', 'prices', 'first-point'])
      expect(await find(id, { routes })).toMatchObject({ verdict: 'unknown' });
  });
});

it('says that a counter that existed before shows nothing of its first value', async () => {
  const answers = {
    'GET /v1/jobs?status=succeeded&pageSize=200': () => Response.json({ jobs: [{ id: 'job_old' }] }),
  };
  expect(await find('first-point', { answers })).toMatchObject({
    verdict: 'compare',
    detail: expect.stringContaining('1 jobs had succeeded before'),
  });
});

it('takes -1 for no limit', async () => {
  const quotaInfos = ['CpuAllocPerProjectRegion', 'MemAllocPerProjectRegion'].map((quotaId) => ({
    quotaId,
    dimensionsInfos: [{ details: { value: '-1' } }],
  }));
  const routes = {
    'cloudquotas.googleapis.com': { [`${QUOTAS}/run.googleapis.com/quotaInfos`]: { quotaInfos } },
  };
  expect(await find('instance-quota', { routes })).toMatchObject({ verdict: 'as assumed' });
});

it('asks for the entries of exactly the video and the image that the jobs used', async () => {
  await find('storage-writer');
  const filters = (rig?.google.calls ?? [])
    .filter(({ path }: Call) => path === '/v2/entries:list')
    .map(({ body }) => String(JSON.parse(body.toString()).filter));
  expect(filters[0]).toContain(
    'protoPayload.methodName="storage.objects.create" AND protoPayload.resourceName:"projects/_/buckets/p-out/objects/jobs/job_1/a/sample_0.mp4"',
  );
});

it('sends the project as the one whose quota is used', async () => {
  await find('queues');
  for (const { headers } of rig?.google.calls ?? [])
    expect(headers).toMatchObject({ authorization: 'Bearer token', 'x-goog-user-project': PROJECT });
});

it('lists the prices of Google beside those of the catalogue that it has no entry for', async () => {
  const { detail } = await find('prices');
  expect(detail).toBe(
    'Veo 3.1 Fast Video Generation 720p: $0.1 per second. ' +
      'No entry has these prices of the catalogue: veo-3.1-fast-generate-001 720p silent $0.08',
  );
});

it('reads the boxes of an MP4, large and unending ones too', () => {
  const box = (type: string, payload: Buffer, size = payload.length + 8): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(size);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, payload]);
  };
  const uuid = Buffer.from('d8fec3d61b0e483c92975828877ec481', 'hex');
  const large = Buffer.alloc(8);
  large.writeBigUInt64BE(20n);
  const file = Buffer.concat([
    box('ftyp', Buffer.alloc(4)),
    box('uuid', Buffer.concat([uuid, Buffer.alloc(3)])),
    box('free', Buffer.concat([large, Buffer.alloc(4)]), 1),
    box('mdat', Buffer.alloc(100), 0),
  ]);
  expect(topLevelBoxes(file)).toEqual(['ftyp', 'uuid d8fec3d61b0e483c92975828877ec481', 'free', 'mdat']);
  expect(topLevelBoxes(box('mdat', Buffer.alloc(0), 3))).toEqual(['mdat']);
});

it('reads every form of an amount of memory', () => {
  expect(['1Gi', '512Mi', '512M', '1073741824'].map(gibOf)).toEqual([1, 0.5, 512e6 / 2 ** 30, 1]);
  expect(() => gibOf('much')).toThrow("'much'");
});
