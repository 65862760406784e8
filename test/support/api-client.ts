/** Clients of the API of an in-memory world. */
import { z } from 'zod';
import { createApi } from '../../functions/handlers/api/api.ts';
import type { World } from './memory.ts';

const bodySchema = z.record(z.string(), z.unknown());

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Empty when the response has no body. */
  readonly body: Record<string, unknown>;
}

/** A client that sends JSON as this caller. */
export function apiOf(world: World, caller = 'local') {
  const app = createApi(world.services);
  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await app.request(path, {
      method,
      headers: {
        'x-test-caller': caller,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : bodySchema.parse(JSON.parse(text)),
    };
  };
  return {
    get: (path: string): Promise<Answer> => send('GET', path),
    delete: (path: string): Promise<Answer> => send('DELETE', path),
    post: (path: string, body?: unknown): Promise<Answer> => send('POST', path, body),
  };
}

/** A client that sends requests unchanged. `post` sends requests for jobs. */
export function rawApiOf(world: World) {
  const app = createApi(world.services);
  const send = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await app.request(path, init);
    return {
      status: response.status,
      headers: response.headers,
      body: bodySchema.parse(await response.json()),
    };
  };
  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    send('/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  return { send, post };
}
