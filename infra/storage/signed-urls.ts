/**
 * Verification of V4 signed URLs (GOOG4-RSA-SHA256). The XML API does it before anything else.
 *
 * The client library signs the host without its port, but HTTP sends it with the port. Both forms are accepted.
 */
import { createHash, createVerify } from 'node:crypto';
import { StorageError } from './errors.ts';
import { headerOf, type StorageRequest } from './messages.ts';

export interface Verifier {
  /** Public keys (PEM) by service account e-mail. */
  readonly signers: Readonly<Record<string, string>>;
  readonly now: () => number;
}

const MAX_EXPIRES_SECONDS = 7 * 24 * 3600;

/** How far in the future the date of a URL may be, because clocks differ. */
const MAX_SKEW_MS = 15 * 60 * 1000;

export const isSigned = (query: URLSearchParams): boolean =>
  query.has('X-Goog-Signature') || query.has('X-Goog-Algorithm');

/** Throws the error of the XML API unless a known account signed the URL for this request and it has not expired. */
export function verifySignedUrl(request: StorageRequest, { signers, now }: Verifier): void {
  const link = parseLink(request.query);
  const publicKey = signers[link.email];
  if (publicKey === undefined)
    throw denied('AccessDenied', `The local server has no public key for the service account ${link.email}.`);
  checkHeaders(request, link.signedHeaders);
  const attempts = canonicalRequests(request, link.signedHeaders).map((canonical) => ({
    canonical,
    toSign: ['GOOG4-RSA-SHA256', link.date, link.scope, sha256(canonical)].join('\n'),
  }));
  const isValid = attempts.some(({ toSign }) =>
    createVerify('RSA-SHA256').update(toSign).verify(publicKey, link.signature, 'hex'),
  );
  if (!isValid) {
    const [shown] = attempts;
    throw denied(
      'SignatureDoesNotMatch',
      'Access denied.',
      'The request signature we calculated does not match the signature you provided. Check your Google secret key and signing method.',
      { StringToSign: shown?.toSign ?? '', CanonicalRequest: shown?.canonical ?? '' },
    );
  }
  checkTime(link, now());
}

interface SignedLink {
  readonly email: string;
  readonly scope: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly date: string;
  readonly signedAtMs: number;
  readonly expiresSeconds: number;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

function parseLink(query: URLSearchParams): SignedLink {
  const value = (name: string): string => {
    const text = query.get(name);
    if (text === null || text === '') throw malformed(`Missing query parameter ${name}.`);
    return text;
  };
  if (value('X-Goog-Algorithm') !== 'GOOG4-RSA-SHA256')
    throw malformed('X-Goog-Algorithm must be GOOG4-RSA-SHA256.');
  const [email = '', ...scope] = value('X-Goog-Credential').split('/');
  const date = value('X-Goog-Date');
  const signedAtMs = Date.parse(
    date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  if (Number.isNaN(signedAtMs)) throw malformed('X-Goog-Date must be formatted YYYYMMDDTHHMMSSZ.');
  const [day, , service, request] = scope;
  if (scope.length !== 4 || day !== date.slice(0, 8) || service !== 'storage' || request !== 'goog4_request')
    throw malformed('The scope of X-Goog-Credential is not valid.');
  const expiresSeconds = Number(value('X-Goog-Expires'));
  if (!(expiresSeconds >= 1 && expiresSeconds <= MAX_EXPIRES_SECONDS))
    throw malformed(`X-Goog-Expires must be between 1 and ${MAX_EXPIRES_SECONDS} seconds.`);
  const signedHeaders = value('X-Goog-SignedHeaders').split(';');
  if (!signedHeaders.includes('host')) throw malformed('X-Goog-SignedHeaders must include host.');
  return {
    email,
    scope: scope.join('/'),
    date,
    signedAtMs,
    expiresSeconds,
    signedHeaders,
    signature: value('X-Goog-Signature'),
  };
}

/** Every signed header must be in the request, and every `x-goog-` header must be signed. */
function checkHeaders({ headers }: StorageRequest, signedHeaders: readonly string[]): void {
  for (const name of signedHeaders)
    if (headers[name] === undefined)
      throw badHeader(name, 'Header was included in signedheaders, but not in the request.');
  for (const name of Object.keys(headers))
    if (name.startsWith('x-goog-') && !signedHeaders.includes(name))
      throw badHeader(name, 'Header was included in the request, but not in signedheaders.');
}

/** All canonical forms of the request: a GET signature also covers HEAD, and the host may be signed without its port. */
function canonicalRequests(request: StorageRequest, signedHeaders: readonly string[]): string[] {
  const host = headerOf(request.headers, 'host') ?? '';
  const methods = request.method === 'HEAD' ? ['HEAD', 'GET'] : [request.method];
  const hosts = [...new Set([host, host.replace(/:\d+$/, '')])];
  const query = [...request.query]
    .filter(([name]) => name !== 'X-Goog-Signature')
    .map(([name, value]): [string, string] => [strictEncode(name), strictEncode(value)])
    .sort(([a, x], [b, y]) => (a === b ? order(x, y) : order(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const payload = headerOf(request.headers, 'x-goog-content-sha256') ?? 'UNSIGNED-PAYLOAD';
  return methods.flatMap((method) =>
    hosts.map((signedHost) => {
      const headers = signedHeaders.map((name) => {
        const value = name === 'host' ? signedHost : (headerOf(request.headers, name) ?? '');
        return `${name}:${value.trim().replaceAll(/\s+/g, ' ')}\n`;
      });
      return [method, request.path, query, headers.join(''), signedHeaders.join(';'), payload].join('\n');
    }),
  );
}

function checkTime({ signedAtMs, expiresSeconds }: SignedLink, nowMs: number): void {
  if (signedAtMs - nowMs > MAX_SKEW_MS) throw denied('AccessDenied', 'Request is not valid yet.');
  const expiredAtMs = signedAtMs + expiresSeconds * 1000;
  if (nowMs > expiredAtMs)
    throw new StorageError({
      status: 400,
      reason: 'invalid',
      code: 'ExpiredToken',
      message: 'Invalid argument.',
      details: {
        Details: `The provided token has expired. Request signature expired at: ${new Date(expiredAtMs).toISOString()}`,
      },
    });
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Percent-encodes everything except letters, digits and `-._~` (RFC 3986). */
const strictEncode = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const denied = (
  code: string,
  message: string,
  details?: string,
  more: Readonly<Record<string, string>> = {},
): StorageError =>
  new StorageError({
    status: 403,
    reason: 'forbidden',
    code,
    message,
    details: { ...(details === undefined ? {} : { Details: details }), ...more },
  });

const malformed = (details: string): StorageError =>
  new StorageError({
    status: 400,
    reason: 'invalid',
    code: 'AuthenticationQueryParametersError',
    message: 'Query-string authentication requires valid parameters.',
    details: { Details: details },
  });

const badHeader = (name: string, details: string): StorageError =>
  new StorageError({
    status: 400,
    reason: 'invalid',
    code: 'MalformedSecurityHeader',
    message: 'Your request has a malformed header.',
    details: { ParameterName: name, Details: details },
  });
