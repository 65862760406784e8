/** What the suites of the simulated models share: a tiny bucket, a clock that is moved by hand, and callers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { GoogleGenAI, type GoogleGenAIOptions } from '@google/genai';
import {
  type ModelsOptions,
  type PaidCall,
  type RunningModels,
  startModels,
} from '../../../infra/models/server.ts';
import { wholeRequests } from '../../support/whole-requests.ts';

export const TOKEN = 'local-token';
export const KEY = 'local-key';
export const OTHER_KEY = 'other-key';
export const PROJECT = 'my-proj';
export const VERTEX_MODEL = 'veo-3.1-generate-001';
export const DEVELOPER_MODEL = 'veo-3.1-generate-preview';
/** Longer than any generation. */
export const LONGEST_MS = 6 * 60_000;

/** The eight bytes every PNG begins with: as much as the models look at. */
export const PNG = Buffer.from('iVBORw0KGgo=', 'base64');
export const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3, 4]);

export interface Bucket {
  readonly url: string;
  /** `bucket/name` to content. */
  readonly objects: Map<string, Buffer>;
  readonly writes: string[];
  /** Called with `bucket/name` before an upload is answered. */
  onWrite: (key: string) => void;
  /** When set, uploads are answered with this status. */
  failWith: number | undefined;
  readonly stop: () => Promise<void>;
}

/** Just enough of the JSON API of Cloud Storage. Buckets exist unless their name says otherwise. */
export async function startBucket(): Promise<Bucket> {
  const objects = new Map<string, Buffer>();
  const server = createServer(wholeRequests(handle));
  const bucket: Bucket = {
    url: '',
    objects,
    writes: [],
    onWrite: () => undefined,
    failWith: undefined,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  function handle(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const [, name, object] =
      /^(?:\/upload)?\/storage\/v1\/b\/([^/]+)\/o(?:\/(.+))?$/.exec(url.pathname) ?? [];
    const key = `${name}/${decodeURIComponent(object ?? url.searchParams.get('name') ?? '')}`;
    const send = (status: number, content: Buffer | string = ''): void => {
      response.writeHead(status).end(content);
    };
    if (name === undefined || name.startsWith('missing')) send(404, 'no such bucket');
    else if (request.method === 'GET') {
      const content = objects.get(key);
      if (content === undefined) send(404, 'no such object');
      else send(200, content);
    } else if (bucket.failWith !== undefined) send(bucket.failWith, 'as told');
    else {
      bucket.writes.push(key);
      bucket.onWrite(key);
      if (objects.has(key)) send(412);
      else {
        objects.set(key, body);
        send(200, '{}');
      }
    }
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(bucket, { url: `http://127.0.0.1:${port}` });
}

export interface Rig {
  readonly bucket: Bucket;
  readonly models: RunningModels;
  readonly clock: { nowMs: number };
  readonly bugs: unknown[];
  /** The next call that is accepted. */
  readonly nextPaidCall: () => Promise<PaidCall>;
  /** Moves the clock past every latency and waits for the videos. */
  readonly finish: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startRig(options: Partial<ModelsOptions> = {}): Promise<Rig> {
  const bucket = await startBucket();
  const clock = { nowMs: Date.parse('2026-11-21T08:00:00Z') };
  const bugs: unknown[] = [];
  const waiting: ((call: PaidCall) => void)[] = [];
  const models = await startModels({
    storageUrl: bucket.url,
    isAccessToken: (bearer) => bearer === TOKEN,
    isApiKey: (key) => key === KEY || key === OTHER_KEY,
    now: () => clock.nowMs,
    onBug: (error) => bugs.push(error),
    onPaidCall: (call) => {
      for (const tell of waiting.splice(0)) tell(call);
    },
    ...options,
  });
  return {
    bucket,
    models,
    clock,
    bugs,
    nextPaidCall: () => new Promise((resolve) => waiting.push(resolve)),
    finish: async () => {
      clock.nowMs += LONGEST_MS;
      await models.settled();
    },
    stop: async () => {
      await models.stop();
      await bucket.stop();
    },
  };
}

type AuthClient = NonNullable<NonNullable<GoogleGenAIOptions['googleAuthOptions']>['authClient']>;

/** The SDK's own copy of google-auth-library: its auth clients come from no other version. */
const authLibrary = createRequire(createRequire(import.meta.url).resolve('@google/genai'))(
  'google-auth-library',
) as {
  readonly OAuth2Client: new () => AuthClient;
};

/** The unmodified client in Vertex mode, with a token in place of Application Default Credentials. */
export function sdkClient(url: string, location = 'us-central1'): GoogleGenAI {
  const authClient = new authLibrary.OAuth2Client();
  authClient.setCredentials({ access_token: TOKEN, expiry_date: Date.now() + 3_600_000 });
  return new GoogleGenAI({
    enterprise: true,
    project: PROJECT,
    location,
    googleAuthOptions: { authClient },
    httpOptions: { baseUrl: url },
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read replies of every shape
  readonly json: any;
}

export const modelPath = (model = VERTEX_MODEL, location = 'us-central1', project = PROJECT): string =>
  `projects/${project}/locations/${location}/publishers/google/models/${model}`;

export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return toAnswer(response);
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return toAnswer(await fetch(url, { headers }));
}

async function toAnswer(response: Response): Promise<Answer> {
  return { status: response.status, headers: response.headers, json: await response.json() };
}

const bearer = { authorization: `Bearer ${TOKEN}` };

export const submitVertex = (rig: Rig, body: unknown, model = VERTEX_MODEL): Promise<Answer> =>
  post(`${rig.models.url}/v1beta1/${modelPath(model)}:predictLongRunning`, body, bearer);

export const pollVertex = (rig: Rig, operationName: string): Promise<Answer> => {
  const parent = operationName.split('/operations/')[0];
  return post(`${rig.models.url}/v1beta1/${parent}:fetchPredictOperation`, { operationName }, bearer);
};

export const submitDeveloper = (rig: Rig, body: unknown, model = DEVELOPER_MODEL): Promise<Answer> =>
  post(`${rig.models.url}/v1beta/models/${model}:predictLongRunning`, body, { 'x-goog-api-key': KEY });

export const pollDeveloper = (rig: Rig, name: string): Promise<Answer> =>
  get(`${rig.models.url}/v1beta/${name}`, { 'x-goog-api-key': KEY });

/** A request for text to video. */
export const textBody = (prompt: string, parameters: Record<string, unknown> = {}): unknown => ({
  instances: [{ prompt }],
  parameters: { storageUri: 'gs://out/jobs', ...parameters },
});

/** The content behind a `gs://` URI. */
export function objectAt(bucket: Bucket, uri: string): Buffer {
  const content = bucket.objects.get(uri.replace('gs://', ''));
  if (content === undefined) throw new Error(`no object at ${uri}`);
  return content;
}
