/**
 * Signed links to objects of the output bucket. Cloud Storage serves the bytes, of any size and in ranges, so the API
 * answers a download with a redirect to such a link.
 */
import { invalidRequest } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { rfc3339 } from './job-view.ts';

export interface LinkedFile {
  readonly uri: string;
  readonly bytes: number;
  readonly contentType: string;
  /** The name under which clients save it: letters, digits and `._-` only. */
  readonly fileName: string;
  /** `inline`: a browser plays it. `attachment`: a browser saves it. */
  readonly disposition: 'inline' | 'attachment';
}

type Signing = Pick<Services, 'results' | 'settings' | 'clock'>;

/** Google's proxies add these. The client does not have them, so it cannot repeat them to Cloud Storage. */
const ADDED_BY_PROXIES = /^x-goog-(?:iap-|authenticated-user-)/;

/**
 * The client's `x-goog-` headers. Clients repeat them after a redirect (curl, fetch, requests and Google's SDKs do), and
 * Cloud Storage refuses one that is not signed. The link contains the names of signed headers, not their values.
 * `Authorization` is not among them: clients drop it at another host, and `Range` needs no signature.
 * @throws ProblemError 400 for a value that cannot be signed
 */
function repeatedHeaders(request: Request): Readonly<Record<string, string>> {
  const theirs = [...request.headers].filter(
    ([name]) => name.startsWith('x-goog-') && !ADDED_BY_PROXIES.test(name),
  );
  for (const [name, value] of theirs)
    if (name === 'x-goog-content-sha256' && !/^[\da-f]{64}$/i.test(value))
      throw invalidRequest([{ field: name, detail: `is '${value}'; it has to be 64 hexadecimal digits.` }]);
  return Object.fromEntries(theirs);
}

const dispositionOf = ({ disposition, fileName }: LinkedFile): string =>
  `${disposition}; filename="${fileName}"`;

const PRIVATE = { 'cache-control': 'private, no-store' } as const;

/**
 * Answers HEAD from the record, without a link: the signature of a link covers GET only. There is no ETag, because only Cloud
 * Storage knows the one that it sends with the bytes, and a client that compares two different ones downloads them again.
 * Returns nothing for a GET: `If-None-Match` is repeated to Cloud Storage, which compares it with its own.
 */
export function answerWithoutLink(request: Request, file: LinkedFile): Response | undefined {
  if (request.method !== 'HEAD') return undefined;
  return new Response(null, {
    headers: {
      ...PRIVATE,
      'content-type': file.contentType,
      'content-length': String(file.bytes),
      'accept-ranges': 'bytes',
      'content-disposition': dispositionOf(file),
    },
  });
}

/** A link that a client can open if it repeats the `x-goog-` headers of this request. */
export function linkForRedirect({ results, settings }: Signing, request: Request, file: LinkedFile) {
  const options = { headers: repeatedHeaders(request), disposition: dispositionOf(file) };
  return results.signedReadUrl(file, settings.signedUrlTtlMs, options);
}

/**
 * 302 to a link, with `{url, expiresAt}` as body. With `Accept: application/json` it is 200 and only that JSON, for
 * clients that need the link itself, such as a web page with a video player.
 */
export async function answerWithLink(
  services: Signing,
  request: Request,
  file: LinkedFile,
): Promise<Response> {
  const { results, settings, clock } = services;
  const wantsJson = request.headers.get('accept') === 'application/json';
  const answer = wantsJson ? undefined : answerWithoutLink(request, file);
  if (answer) return answer;
  const expiresAt = rfc3339(clock.now() + settings.signedUrlTtlMs);
  // Whoever reads the link from the body opens it without the headers of this request.
  const url = await results.signedReadUrl(file, settings.signedUrlTtlMs, {
    disposition: dispositionOf(file),
  });
  const headers = { ...PRIVATE, vary: 'accept' };
  if (wantsJson) return Response.json({ url, expiresAt }, { headers });
  const hasHeaders = Object.keys(repeatedHeaders(request)).length > 0;
  const location = hasHeaders ? await linkForRedirect(services, request, file) : url;
  return Response.json({ url, expiresAt }, { status: 302, headers: { ...headers, location } });
}
