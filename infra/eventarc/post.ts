/** One attempt to deliver a message over HTTP. */
import http from 'node:http';

export interface Attempt {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** How long the receiver may be silent. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly agent: http.Agent;
}

/** The status of the answer, or `unreachable` for every way of not getting one. Never rejects. */
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
      // The answer counts once it is whole: a receiver that dies while answering has not acknowledged.
      response.on('close', () => resolve(response.complete ? (response.statusCode ?? 0) : 'unreachable'));
      response.on('error', () => resolve('unreachable'));
      response.resume();
    });
    request.end(body);
  });
}
