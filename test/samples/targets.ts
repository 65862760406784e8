/** The servers that the samples run against: simulated Google models, or Clapper. Only the environment differs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { accessToken, isAccessToken, startTokenServer } from '../../infra/identity/token-server.ts';
import { startModels } from '../../infra/models/server.ts';
import { loadIdentity } from '../../infra/shared/identity.ts';
import { objectAt, startBucket } from '../conformance/models/harness.ts';
import { credentialsFor } from '../support/credentials.ts';
import { startTestStack } from '../support/local-stack.ts';
import { startRetiredModelsProxy } from './retired-models-proxy.ts';

export interface Target {
  /** Environment variables of the programs. */
  readonly environment: Readonly<Record<string, string>>;
  /** The content of the object at a `gs://` URI. */
  readonly readObject: (uri: string) => Promise<Buffer>;
  /** The number of calls that the models have accepted. */
  readonly countPaidCalls: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

const KEY = 'a-key-of-the-developer-api';
const PROJECT = 'clapper-local';

/** Points every base URL that a sample uses to one server. */
const baseUrls = (url: string): Record<string, string> => ({
  GOOGLE_GEMINI_BASE_URL: url,
  GOOGLE_VERTEX_BASE_URL: url,
  GEMINI_API_KEY: KEY,
  GOOGLE_CLOUD_PROJECT: PROJECT,
});

export async function simulatedGoogle(): Promise<Target> {
  const dir = mkdtempSync(path.join(tmpdir(), 'clapper-google-'));
  const identity = loadIdentity(dir);
  const [bucket, tokens] = await Promise.all([startBucket(), startTokenServer(identity)]);
  const models = await startModels({
    storageUrl: bucket.url,
    isAccessToken: (token) => isAccessToken(identity, token, Date.now()),
    isApiKey: (key) => key === KEY,
    imagen: 'alive',
    // Two minutes become 60 ms: less than the time for drawing and encoding.
    speedUp: 2000,
  });
  const proxy = await startRetiredModelsProxy(models.url);
  return {
    environment: {
      ...baseUrls(proxy.url),
      OUTPUT_STORAGE_URI: 'gs://samples/output',
      ACCESS_TOKEN: accessToken(identity, Date.now()),
      GOOGLE_APPLICATION_CREDENTIALS: credentialsFor(dir, `http://127.0.0.1:${tokens.port}/token`),
      POLL_INTERVAL_MS: '100',
    },
    readObject: async (uri) => objectAt(bucket, uri),
    countPaidCalls: async () => models.paidCalls().length,
    stop: async () => {
      await proxy.stop();
      await models.stop();
      await Promise.all([bucket.stop(), tokens.stop()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export async function clapper(): Promise<Target> {
  const stack = await startTestStack({ speedUp: 200, submitPerSecond: 50, allowRetiredModels: true });
  const { api, models, storage } = stack.endpoints;
  return {
    environment: {
      ...baseUrls(api),
      OUTPUT_STORAGE_URI: `gs://${stack.environment['CLAPPER_OUTPUT_BUCKET']}/delivered/samples`,
      ACCESS_TOKEN: 'local',
      GOOGLE_APPLICATION_CREDENTIALS: stack.environment['GOOGLE_APPLICATION_CREDENTIALS'] ?? '',
      POLL_INTERVAL_MS: '250',
    },
    readObject: async (uri) => {
      const [, bucket = '', name = ''] = /^gs:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
      const response = await fetch(
        `${storage}/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}?alt=media`,
      );
      if (!response.ok) throw new Error(`GET ${uri} returned ${response.status}: ${await response.text()}`);
      return Buffer.from(await response.arrayBuffer());
    },
    countPaidCalls: async () => {
      const response = await fetch(`${models}/_control/paid-calls`);
      return z.object({ paidCalls: z.array(z.unknown()) }).parse(await response.json()).paidCalls.length;
    },
    stop: stack.dispose,
  };
}
