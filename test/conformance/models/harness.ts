/** Shared by the suites of the simulated models: an in-memory bucket, a server on a test clock, clients and raw calls. */
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
/** The maximum latency of a generation. */
export const LONGEST_MS = 6 * 60_000;

/** The signature of a PNG, eight bytes: the models read no further. */
export const PNG = Buffer.from('iVBORw0KGgo=', 'base64');
export const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3, 4]);

export interface Bucket {
  readonly url: string;
  /** `bucket/name` to content. */
  readonly objects: Map<string, Buffer>;
  readonly writes: string[];
  /** Called with `bucket/name` before the reply to an upload. */
  onWrite: (key: string) => void;
  /** When set, uploads return this status. */
  failWith: number | undefined;
  readonly stop: () => Promise<void>;
}

/** The part of the Cloud Storage JSON API that the models use. Every bucket exists unless its name begins with `missing`. */
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
    } else if (bucket.failWith !== undefined) send(bucket.failWith, 'simulated failure');
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

/** A running server of the simulated models, with its bucket and its clock. */
export interface Rig {
  readonly bucket: Bucket;
  readonly models: RunningModels;
  readonly clock: { nowMs: number };
  /** Unexpected errors inside the models. */
  readonly bugs: unknown[];
  /** Resolves with the next call that the models accept. */
  readonly nextPaidCall: () => Promise<PaidCall>;
  /** Advances the clock past every latency and waits until the videos have landed. */
  readonly finish: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface RigOptions extends Partial<ModelsOptions> {
  /** Default: a bucket of the rig's own, which stops with it. */
  readonly bucket?: Bucket;
  /** Where the clock starts. It stands still until a test sets it. */
  readonly startMs?: number;
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const { bucket: sharedBucket, startMs = Date.parse('2026-11-21T08:00:00Z'), ...modelsOptions } = options;
  const bucket = sharedBucket ?? (await startBucket());
  const clock = { nowMs: startMs };
  const bugs: unknown[] = [];
  const waiting: ((call: PaidCall) => void)[] = [];
  const models = await startModels({
    storageUrl: bucket.url,
    isAccessToken: (bearer) => bearer === TOKEN,
    isApiKey: (key) => key === KEY || key === OTHER_KEY,
    now: () => clock.nowMs,
    onBug: (error) => bugs.push(error),
    onPaidCall: (call) => {
      for (const resolve of waiting.splice(0)) resolve(call);
    },
    ...modelsOptions,
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
      if (sharedBucket === undefined) await bucket.stop();
    },
  };
}

type AuthClient = NonNullable<NonNullable<GoogleGenAIOptions['googleAuthOptions']>['authClient']>;

/** The SDK's own copy of google-auth-library: the SDK accepts auth clients of this version only. */
const authLibrary = createRequire(createRequire(import.meta.url).resolve('@google/genai'))(
  'google-auth-library',
) as {
  readonly OAuth2Client: new () => AuthClient;
};

/** The unmodified SDK in Vertex mode, with a token in place of Application Default Credentials. */
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

/** The unmodified SDK on the Developer API. */
export const developerClient = (url: string): GoogleGenAI =>
  new GoogleGenAI({ enterprise: false, apiKey: KEY, httpOptions: { baseUrl: url } });

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

export const BEARER = { authorization: `Bearer ${TOKEN}` };
export const API_KEY = { 'x-goog-api-key': KEY };

export const submitVertex = (rig: Rig, body: unknown, model = VERTEX_MODEL): Promise<Answer> =>
  post(`${rig.models.url}/v1beta1/${modelPath(model)}:predictLongRunning`, body, BEARER);

export const pollVertex = (rig: Rig, operationName: string): Promise<Answer> => {
  const parent = operationName.split('/operations/')[0];
  return post(`${rig.models.url}/v1beta1/${parent}:fetchPredictOperation`, { operationName }, BEARER);
};

export const submitDeveloper = (rig: Rig, body: unknown, model = DEVELOPER_MODEL): Promise<Answer> =>
  post(`${rig.models.url}/v1beta/models/${model}:predictLongRunning`, body, API_KEY);

export const pollDeveloper = (rig: Rig, name: string): Promise<Answer> =>
  get(`${rig.models.url}/v1beta/${name}`, API_KEY);

/** A text-to-video request to Veo. */
export const textBody = (prompt: string, parameters: Record<string, unknown> = {}): unknown => ({
  instances: [{ prompt }],
  parameters: { storageUri: 'gs://out/jobs', ...parameters },
});

/** An inline image of a Veo request. */
export const veoImage = (bytes: Buffer, mimeType: string) => ({
  bytesBase64Encoded: bytes.toString('base64'),
  mimeType,
});

/** The content of the object at a `gs://` URI. */
export function objectAt(bucket: Bucket, uri: string): Buffer {
  const content = bucket.objects.get(uri.replace('gs://', ''));
  if (content === undefined) throw new Error(`no object at ${uri}`);
  return content;
}
