/** An in-memory world behind Google's API surfaces, for raw requests and, on a loopback port, for Google's SDKs. */
import { serve } from '@hono/node-server';
import { z } from 'zod';
import { localCaller } from '../../functions/adapters/id-token-callers.ts';
import { createApi } from '../../functions/handlers/api/api.ts';
import type { ServiceSettings, Services } from '../../functions/ports.ts';
import { makeWorld, type World } from './memory.ts';
import { runFor } from './run.ts';

const bodySchema = z.record(z.string(), z.unknown());

export const VERTEX = '/v1/projects/my-proj/locations/us-central1/publishers/google/models';

export function googleWorld(
  settings: Partial<ServiceSettings> = {},
  overrides: Partial<Services> = {},
): World {
  return makeWorld({
    callers: localCaller,
    ...overrides,
    settings: {
      ...makeWorld().services.settings,
      readablePrefixes: ['gs://b/'],
      deliveryPrefixes: ['gs://b/out/', 'gs://b/img/'],
      pubsubTopics: ['projects/my-proj/topics/t'],
      ...settings,
    },
  });
}

export interface GoogleAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A client that sends this key as `x-goog-api-key`. */
export function googleClient(world: World, key = 'ann') {
  const app = createApi(world.services);
  const send = async (path: string, init: RequestInit = {}): Promise<GoogleAnswer> => {
    const headers = { 'x-goog-api-key': key, ...Object.fromEntries(new Headers(init.headers)) };
    const response = await app.request(path, { ...init, headers });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : bodySchema.parse(JSON.parse(text)),
    };
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<GoogleAnswer> =>
    send(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return {
    app,
    send,
    post,
    get: (path: string): Promise<GoogleAnswer> => send(path),
    /** Submits to the Developer API. @returns the operation's name */
    async submit(model: string, body: unknown): Promise<string> {
      return z.string().parse((await post(`/v1beta/models/${model}:predictLongRunning`, body)).body['name']);
    },
    /** Submits to Vertex. @returns the operation's name */
    async submitToVertex(model: string, body: unknown): Promise<string> {
      return z.string().parse((await post(`${VERTEX}/${model}:predictLongRunning`, body)).body['name']);
    },
    fetchOperation: (operationName: string): Promise<GoogleAnswer> =>
      post(`/v1/${operationName.replace(/\/operations\/.*$/, '')}:fetchPredictOperation`, { operationName }),
  };
}

/** Makes every operation succeed at its first poll, with these videos under its prefix and these filtered reasons. */
export function makesVideos(
  world: World,
  videos: readonly Uint8Array[],
  filtered: readonly string[] = [],
): void {
  world.vertex.onPoll = () => {
    const prefix = world.vertex.calls.at(-1)?.outputUri.replace('gs://out/', '') ?? '';
    const sources = videos.map((body, n) => {
      world.output.put(`${prefix}1084/sample_${n}.mp4`, body);
      return { uri: `gs://out/${prefix}1084/sample_${n}.mp4` };
    });
    const result = { sources, filteredCount: filtered.length, filteredReasons: [...filtered] };
    return { kind: 'done', result };
  };
}

export const finish = (world: World): Promise<void> => runFor(world, 3 * 3_600_000);

/** An MP4 that contains only its duration. */
export function mp4(seconds: number): Buffer {
  const mvhd = Buffer.alloc(108);
  mvhd.writeUInt32BE(108);
  mvhd.write('mvhd', 4, 'latin1');
  mvhd.writeUInt32BE(24, 8 + 12);
  mvhd.writeUInt32BE(seconds * 24, 8 + 16);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(116);
  head.write('moov', 4, 'latin1');
  return Buffer.concat([head, mvhd]);
}

export interface Served {
  readonly baseUrl: string;
  stop(): Promise<void>;
}

export async function serveOnLoopback(
  fetch: (request: Request) => Response | Promise<Response>,
): Promise<Served> {
  let server: ReturnType<typeof serve> | undefined;
  const port = await new Promise<number>((resolve) => {
    server = serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(port));
  });
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server?.close(() => resolve());
        if (server && 'closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
