/** A scripted server in the place of Google's REST APIs: `http://127.0.0.1:PORT/HOST/PATH`. */
import http from 'node:http';
import settings from '../../terraform/settings.json' with { type: 'json' };

export interface Call {
  readonly method: string;
  readonly host: string;
  /** With the query. */
  readonly path: string;
  readonly body: Buffer;
  readonly headers: http.IncomingHttpHeaders;
}

/** A JSON value is answered with 200; a status without a body; a response as it is. */
export type Answer = Response | number | object;
export type Route = Answer | ((call: Call) => Answer | Promise<Answer>);

export interface GoogleServer {
  readonly url: string;
  readonly calls: readonly Call[];
  readonly stop: () => Promise<void>;
}

/** `routes` by host, then by the start of `METHOD /path`; the longest start wins. Everything else is 404. */
export async function startGoogle(
  routes: Readonly<Record<string, Readonly<Record<string, Route>>>>,
): Promise<GoogleServer> {
  const calls: Call[] = [];
  const answerTo = async (call: Call): Promise<Response> => {
    const ofHost = routes[call.host] ?? {};
    const line = `${call.method} ${call.path}`;
    const [start] = Object.keys(ofHost)
      .filter((each) => line.startsWith(each))
      .sort((a, b) => b.length - a.length);
    const route = start === undefined ? 404 : (ofHost[start] ?? 404);
    const answer = typeof route === 'function' ? await route(call) : route;
    if (answer instanceof Response) return answer;
    if (typeof answer === 'number')
      return Response.json({ error: { code: answer, message: `scripted ${answer}` } }, { status: answer });
    return Response.json(answer);
  };
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const [, host = '', path = ''] = /^\/([^/]+)(\/.*)$/.exec(request.url ?? '') ?? [];
      const call = {
        method: request.method ?? '',
        host,
        path,
        body: Buffer.concat(chunks),
        headers: request.headers,
      };
      calls.push(call);
      answerTo(call).then(
        async (answer) => {
          response.writeHead(answer.status, { 'content-type': 'application/json' });
          response.end(Buffer.from(await answer.arrayBuffer()));
        },
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export const PROJECT = 'clapper-local';
export const NUMBER = '123456789012';
export const REGION = 'us-central1';
const FUNCTIONS = ['api', 'submit', 'poll', 'notify', 'upload', 'landed', 'batch', 'sweep'];

const member = (name: string): string => `serviceAccount:service-${NUMBER}@${name}.iam.gserviceaccount.com`;

/** A project in which everything is as assumed. `environment` is that of the function `api`. */
export function asAssumedProject(environment: Readonly<Record<string, string>>) {
  // The last is of another deployment.
  const functions = [...FUNCTIONS, 'two-api'].map((name) => ({
    name: `projects/${PROJECT}/locations/${REGION}/functions/clapper-${name}`,
    state: 'ACTIVE',
    serviceConfig: {
      availableCpu: '1',
      availableMemory: '512Mi',
      maxInstanceCount: 2,
      environmentVariables: name === 'api' ? environment : {},
    },
  }));
  const queues = [
    ...Object.entries(settings.submit.models).flatMap(([id, { requestsPerMinute }]) =>
      Object.values(settings.submit.lanes).map((lane): [string, number] => [
        `${id}${lane}`,
        Math.floor((requestsPerMinute / 60) * 1000) / 1000,
      ]),
    ),
    ...Object.entries(settings.queues).map(([id, queue]): [string, number] => [
      id,
      queue.maxDispatchesPerSecond,
    ]),
  ].map(([id, maxDispatchesPerSecond]) => ({
    name: `projects/${PROJECT}/locations/${REGION}/queues/${id}`,
    state: 'RUNNING',
    rateLimits: { maxDispatchesPerSecond },
  }));
  const quota = (quotaId: string, value: string) => ({
    quotaId,
    metric: `run.googleapis.com/${quotaId}`,
    dimensionsInfos: [{ details: { value }, applicableLocations: [REGION, 'europe-west1'] }],
  });
  const database = `/v1/projects/${PROJECT}/databases/${environment['CLAPPER_FIRESTORE_DATABASE'] ?? '(default)'}`;
  const service = (name: string) => ({
    uri: `https://${name}-abc-uc.a.run.app`,
    urls: [`https://${name}-${NUMBER}.${REGION}.run.app`, `https://${name}-abc-uc.a.run.app`],
    template: { containers: [{ image: `${REGION}-docker.pkg.dev/p/r/api@sha256:1` }] },
  });
  const services = `/v2/projects/${PROJECT}/locations/${REGION}/services/`;
  return {
    'cloudresourcemanager.googleapis.com': {
      [`GET /v3/projects/${PROJECT}`]: { name: `projects/${NUMBER}` },
      [`POST /v3/projects/${PROJECT}:getIamPolicy`]: {
        bindings: [
          { role: 'roles/aiplatform.serviceAgent', members: [member('gcp-sa-aiplatform')] },
          { role: 'roles/eventarc.serviceAgent', members: [member('gcp-sa-eventarc')] },
          { role: 'roles/pubsub.serviceAgent', members: [member('gcp-sa-pubsub')] },
          { role: 'roles/pubsub.publisher', members: [member('gs-project-accounts')] },
        ],
      },
    },
    'cloudfunctions.googleapis.com': {
      [`GET /v2/projects/${PROJECT}/locations/${REGION}/functions`]: { functions },
    },
    'run.googleapis.com': {
      [`GET ${services}clapper-keys`]: 404,
      ...Object.fromEntries(
        FUNCTIONS.map((name) => [`GET ${services}clapper-${name}`, service(`clapper-${name}`)]),
      ),
    },
    'firestore.googleapis.com': {
      [`GET ${database}/collectionGroups/-/indexes`]: {
        indexes: ['a', 'b'].map((id) => ({ name: `${database}/indexes/${id}`, state: 'READY' })),
      },
      [`GET ${database}/operations`]: {
        operations: [
          {
            metadata: { index: 'a', startTime: '2026-11-30T10:00:00Z', endTime: '2026-11-30T10:04:00.5Z' },
          },
          { metadata: {} },
        ],
      },
    },
    'cloudtasks.googleapis.com': {
      // Two pages.
      [`GET /v2/projects/${PROJECT}/locations/${REGION}/queues`]: ({ path }: Call): Answer =>
        path.includes('pageToken=second')
          ? { queues: queues.slice(10) }
          : { queues: queues.slice(0, 10), nextPageToken: 'second' },
    },
    'cloudquotas.googleapis.com': {
      [`GET /v1/projects/${PROJECT}/locations/global/services/run.googleapis.com/quotaInfos`]: {
        quotaInfos: [
          quota('CpuAllocPerProjectRegion', '20000'),
          quota('MemAllocPerProjectRegion', String(40 * 2 ** 30)),
        ],
      },
      [`GET /v1/projects/${PROJECT}/locations/global/services/aiplatform.googleapis.com/quotaInfos`]: {
        quotaInfos: [
          {
            quotaId: 'LongRunning',
            metric: 'aiplatform.googleapis.com/long_running_online_prediction_requests_per_base_model',
            dimensionsInfos: [
              {
                dimensions: { base_model: 'veo-3.1-lite-generate-001', region: REGION },
                details: { value: '10' },
              },
              { dimensions: { region: REGION }, details: { value: '50' } },
            ],
          },
        ],
      },
    },
    'us-central1-aiplatform.googleapis.com': {
      'GET /v1/publishers/google/models/': { launchStage: 'GA' },
      'GET /v1/publishers/google/models/imagen-': 404,
      [`POST /v1/projects/${PROJECT}/locations/${REGION}/publishers/google/models/`]: 404,
      [`POST /v1beta1/projects/${PROJECT}/locations/${REGION}/publishers/google/models/imagen-`]: 404,
    },
    'aiplatform.googleapis.com': {
      [`POST /v1/projects/${PROJECT}/locations/global/publishers/google/models/`]: { totalTokens: 1 },
    },
    'cloudbilling.googleapis.com': {
      'GET /v1/services?': {
        services: [
          { name: 'services/1', displayName: 'Vertex AI' },
          { name: 'services/2', displayName: 'Compute Engine' },
        ],
      },
      'GET /v1/services/1/skus': {
        skus: [
          {
            description: 'Veo 3.1 Fast Video Generation 720p',
            pricingInfo: [
              {
                pricingExpression: {
                  usageUnitDescription: 'second',
                  tieredRates: [{ unitPrice: { units: '0', nanos: 100_000_000 } }],
                },
              },
            ],
          },
          { description: 'Training on TPU' },
        ],
      },
    },
    'monitoring.googleapis.com': {
      [`GET /v3/projects/${PROJECT}/alertPolicies`]: {
        alertPolicies: [
          {
            displayName: 'Clapper: The sweep has not run for 10 minutes',
            conditions: [{ conditionPrometheusQueryLanguage: { query: 'absent_over_time(x[5m])' } }],
          },
          { displayName: 'Of another product', conditions: [{ conditionThreshold: {} }] },
        ],
      },
      [`GET /v1/projects/${PROJECT}/location/global/prometheus/api/v1/query`]: {
        status: 'success',
        data: { resultType: 'vector', result: [{ metric: {}, value: [1_700_000_000, '99'] }] },
      },
    },
    'logging.googleapis.com': {
      [`GET /v2/projects/${PROJECT}/metrics`]: {
        metrics: [
          { name: 'clapper_jobs_failed', filter: 'jsonPayload.to="failed"' },
          { name: 'others', filter: 'x' },
        ],
      },
      'POST /v2/entries:list': {
        entries: [
          {
            httpRequest: { status: 200 },
            protoPayload: { authenticationInfo: { principalEmail: `service-${NUMBER}@gcp-sa-aiplatform` } },
          },
        ],
      },
    },
  } satisfies Record<string, Record<string, Route>>;
}
