/** Passes image calls on over REST, with our credentials in place of the caller's. One request; its answer is streamed. */
import type { ImageCall, ImagePassThrough } from '../ports.ts';
import { httpSignal, signalOf } from './provider-signal.ts';

export interface ImagePassThroughOptions {
  readonly vertex: {
    readonly project: string;
    /** Replaces Google's host. */
    readonly baseUrl: string | undefined;
    readonly getAccessToken: () => Promise<string | null | undefined>;
  };
  readonly gemini?: { readonly apiKey: string; readonly baseUrl: string };
  readonly fetch: typeof fetch;
}

export function createImagePassThrough({ vertex, gemini, fetch }: ImagePassThroughOptions): ImagePassThrough {
  const target = async ({ provider, model, method, location }: ImageCall) => {
    if (provider === 'gemini') {
      if (!gemini) throw new Error('there is no key of the Developer API; set CLAPPER_GEMINI_API_KEY');
      const url = `${gemini.baseUrl}/v1beta/models/${model}:${method}`;
      return { url, headers: { 'x-goog-api-key': gemini.apiKey } };
    }
    const base = vertex.baseUrl ?? vertexHost(location);
    const path = `projects/${vertex.project}/locations/${location}/publishers/google/models/${model}:${method}`;
    const token = await vertex.getAccessToken();
    return {
      url: `${base.replace(/\/$/, '')}/v1beta1/${path}`,
      headers: { authorization: `Bearer ${token ?? ''}` },
    };
  };

  return {
    serves: (provider) => provider === 'vertex' || gemini !== undefined,

    async send(call) {
      try {
        const { url, headers } = await target(call);
        const response = await fetch(url, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: call.body,
          signal: AbortSignal.timeout(call.timeoutMs),
          redirect: 'error',
        });
        if (!response.ok) return { kind: 'failed', signal: await httpSignal(response) };
        const contentType = response.headers.get('content-type') ?? 'application/json';
        if (!JSON_TYPE.test(contentType)) {
          await response.body?.cancel();
          const message = `The answer is of type ${contentType}, not JSON.`;
          return { kind: 'failed', signal: { kind: 'unreadable', message } };
        }
        const body = (response.body ?? new Blob([]).stream()).pipeThrough(atMost(call.answerBytesMax));
        return { kind: 'body', body, contentType };
      } catch (error) {
        return { kind: 'failed', signal: signalOf(error) };
      }
    },
  };
}

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

const vertexHost = (location: string): string =>
  location === 'global'
    ? 'https://aiplatform.googleapis.com'
    : `https://${location}-aiplatform.googleapis.com`;

/** Passes at most so many bytes. More is an error, so that the reader does not use a truncated answer. */
function atMost(bytesMax: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) controller.error(new Error(`the answer is larger than ${bytesMax} bytes`));
      else controller.enqueue(chunk);
    },
  });
}
