/** Downloads a file from the Developer API. The API key is sent only to the API itself, not to redirect targets. */
import { Readable } from 'node:stream';
import { defined } from '../core/defined.ts';
import type { DownloadAnswer } from '../ports.ts';
import { httpSignal, signalOf } from './provider-signal.ts';

export interface FileDownloadOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly fetch: typeof fetch;
}

const REDIRECTS_MAX = 5;

/** Does not throw. */
export async function openFile(
  sourceUri: string,
  { apiKey, baseUrl, fetch }: FileDownloadOptions,
): Promise<DownloadAnswer> {
  try {
    const { origin } = new URL(baseUrl);
    let url = new URL(sourceUri);
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const headers = url.origin === origin ? { 'x-goog-api-key': apiKey } : undefined;
      const response = await fetch(url, { redirect: 'manual', ...defined({ headers }) });
      const location = response.headers.get('location');
      if (response.status >= 300 && response.status < 400 && location !== null) {
        await response.body?.cancel();
        url = new URL(location, url);
        continue;
      }
      if (!response.ok || !response.body) return { kind: 'failed', signal: await httpSignal(response) };
      const contentType = response.headers.get('content-type') ?? 'video/mp4';
      return { kind: 'body', contentType, body: Readable.fromWeb(response.body) };
    }
    return {
      kind: 'failed',
      signal: { kind: 'unreadable', message: `${sourceUri} has more than ${REDIRECTS_MAX} redirects` },
    };
  } catch (error) {
    return { kind: 'failed', signal: signalOf(error) };
  }
}
