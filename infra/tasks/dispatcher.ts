/** Makes one HTTP call of a target and returns its outcome. Redirects are not followed: they are ordinary responses. */
import http from 'node:http';
import https from 'node:https';
import type { AttemptOutcome } from './attempt-status.ts';

export interface OutgoingCall {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * Idle connections are reused for 2 s at most. If the target closes an idle connection just as it is reused, the call
 * fails although nothing is wrong. Node's servers close idle connections after 5 s.
 */
const IDLE_CONNECTION_MS = 2000;

export class Dispatcher {
  readonly #plain = new http.Agent({ keepAlive: true, timeout: IDLE_CONNECTION_MS });
  readonly #secure = new https.Agent({ keepAlive: true, timeout: IDLE_CONNECTION_MS });

  /** Never rejects. When `signal` aborts, the call is aborted and its outcome is `deadline`. */
  call(call: OutgoingCall, signal: AbortSignal): Promise<AttemptOutcome> {
    return new Promise((resolve) => {
      const fail = (error: unknown): void =>
        resolve(signal.aborted ? { kind: 'deadline' } : { kind: 'unreachable', reason: reasonOf(error) });
      try {
        const url = new URL(call.url);
        const isSecure = url.protocol === 'https:';
        const options = {
          method: call.method,
          headers: call.headers,
          agent: isSecure ? this.#secure : this.#plain,
          signal,
        };
        const request = (isSecure ? https : http).request(url, options);
        request.on('error', fail);
        // Covers ends that are neither an error nor a response, such as an unrequested protocol upgrade.
        request.once('close', () => fail(new Error('The connection was closed without a response')));
        request.once('response', (response) => {
          const { statusCode = 0, headers } = response;
          response.on('error', fail);
          response.once('end', () =>
            resolve({ kind: 'response', status: statusCode, retryAfter: headers['retry-after'] }),
          );
          response.resume();
        });
        request.end(call.body);
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Aborts the calls in progress. */
  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
