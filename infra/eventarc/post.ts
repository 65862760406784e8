/** One HTTP delivery attempt. */
import http from 'node:http';

export interface Attempt {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Longest time without data from the receiver. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly agent: http.Agent;
}

/** Resolves to the HTTP status, or to `unreachable` when there is no complete response. Never rejects. */
export function post({
  url,
  headers,
  body,
  timeoutMs,
  signal,
  agent,
}: Attempt): Promise<number | 'unreachable'> {
  return new Promise((resolve) => {
    const request = http.request(url, {
      method: 'POST',
      agent,
      signal,
      headers: { ...headers, 'content-length': Buffer.byteLength(body), accept: 'application/json' },
    });
    request.setTimeout(timeoutMs, () => request.destroy());
    request.on('error', () => resolve('unreachable'));
    request.on('response', (response) => {
      // Only a complete response counts: a receiver that dies while it responds has not acknowledged.
      response.on('close', () => resolve(response.complete ? (response.statusCode ?? 0) : 'unreachable'));
      response.on('error', () => resolve('unreachable'));
      response.resume();
    });
    request.end(body);
  });
}
