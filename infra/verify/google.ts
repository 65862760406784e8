/** A client for Google's REST APIs. It reads; the few calls that write are named in the steps that make them. */
import type { z } from 'zod';

export interface Google {
  /** @throws GoogleError for any status but 2xx */
  get<T>(host: string, path: string, schema: z.ZodType<T>): Promise<T>;
  /** @throws GoogleError for any status but 2xx */
  post<T>(host: string, path: string, body: unknown, schema: z.ZodType<T>): Promise<T>;
  /** Any method and body; returns the response whatever its status is. */
  send(host: string, path: string, init: RequestInit): Promise<Response>;
}

/** Google refused a call. The message has its status, its words and the URL. */
export class GoogleError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface GoogleOptions {
  readonly fetch: typeof fetch;
  readonly accessToken: () => Promise<string>;
  /** Its quota is used. Calls with a person's credentials are refused without one. */
  readonly project: string;
  /** Default: `https://HOST`. */
  readonly originOf?: ((host: string) => string) | undefined;
}

/** A hanging call must not hold up the other steps. An image call may take three minutes. */
const TIMEOUT_MS = 200_000;

export function createGoogle({ fetch, accessToken, project, originOf }: GoogleOptions): Google {
  const send = async (host: string, path: string, init: RequestInit): Promise<Response> =>
    fetch(`${originOf?.(host) ?? `https://${host}`}${path}`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...init,
      headers: {
        authorization: `Bearer ${await accessToken()}`,
        'x-goog-user-project': project,
        ...(typeof init.body === 'string' ? { 'content-type': 'application/json' } : {}),
        ...init.headers,
      },
    });
  const read = async <T>(host: string, path: string, init: RequestInit, schema: z.ZodType<T>): Promise<T> => {
    const response = await send(host, path, init);
    const where = `${init.method ?? 'GET'} ${host}${path.split('?')[0]}`;
    if (!response.ok)
      throw new GoogleError(response.status, `${where}: HTTP ${response.status} ${await wordsOf(response)}`);
    const parsed = schema.safeParse(await response.json());
    if (parsed.success) return parsed.data;
    const fields = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole').join(', ');
    throw new GoogleError(
      response.status,
      `${where}: the answer has another form than expected (${fields}).`,
    );
  };
  return {
    get: (host, path, schema) => read(host, path, {}, schema),
    post: (host, path, body, schema) =>
      read(host, path, { method: 'POST', body: JSON.stringify(body) }, schema),
    send,
  };
}

/** The message of Google's error, or the start of whatever the body is. */
export async function wordsOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error }: { error?: { message?: unknown } } = JSON.parse(text);
    if (typeof error?.message === 'string') return error.message.slice(0, 300);
  } catch {
    // Not JSON: Google's front ends answer with HTML.
  }
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}

/** The host of Vertex AI in a location. */
export const vertexHost = (location: string): string =>
  location === 'global' ? 'aiplatform.googleapis.com' : `${location}-aiplatform.googleapis.com`;

/** All pages of a list. @throws GoogleError; Error after 100 pages */
export async function allPages<T extends { readonly nextPageToken?: string | undefined }, I>(
  google: Google,
  host: string,
  path: string,
  schema: z.ZodType<T>,
  itemsOf: (page: T) => readonly I[] | undefined,
): Promise<I[]> {
  const items: I[] = [];
  let token: string | undefined;
  for (let pages = 0; pages < 100; pages++) {
    const joint = path.includes('?') ? '&' : '?';
    const page = await google.get(
      host,
      token === undefined ? path : `${path}${joint}pageToken=${encodeURIComponent(token)}`,
      schema,
    );
    items.push(...(itemsOf(page) ?? []));
    token = page.nextPageToken;
    if (token === undefined || token === '') return items;
  }
  throw new Error(`${host}${path} has more than 100 pages.`);
}
