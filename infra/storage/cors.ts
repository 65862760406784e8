/** CORS: the JSON API allows every origin. The XML API applies the bucket's `cors` rules. */
import type { CorsRule } from './bucket-resource.ts';
import {
  emptyReply,
  headerOf,
  type ReplyHeaders,
  type StorageReply,
  type StorageRequest,
} from './messages.ts';

/** Response to a preflight request to the JSON API. */
export function jsonPreflight(request: StorageRequest): StorageReply {
  return emptyReply(200, {
    ...jsonCorsHeaders(request),
    'access-control-allow-methods': 'DELETE,GET,HEAD,PATCH,POST,PUT',
    'access-control-allow-headers': headerOf(request.headers, 'access-control-request-headers') ?? '*',
    'access-control-max-age': 3600,
    'content-length': 0,
  });
}

export function jsonCorsHeaders({ headers }: StorageRequest): ReplyHeaders {
  const origin = headerOf(headers, 'origin');
  if (origin === undefined) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers':
      'Content-Length,Content-Range,Content-Type,ETag,Location,Range,X-Goog-Generation,X-Goog-Hash,X-GUploader-UploadID',
    vary: 'Origin',
  };
}

/** Response to a preflight request to the XML API. Without a matching rule it allows nothing, and the browser blocks. */
export function xmlPreflight(request: StorageRequest, rules: readonly CorsRule[]): StorageReply {
  const method = headerOf(request.headers, 'access-control-request-method') ?? '';
  const wanted = (headerOf(request.headers, 'access-control-request-headers') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const rule = rules.find(
    (candidate) =>
      allowsOrigin(candidate, request) &&
      allowsMethod(candidate, method) &&
      wanted.every((name) => allowsHeader(candidate, name)),
  );
  return emptyReply(200, {
    'content-length': 0,
    ...(rule === undefined
      ? {}
      : {
          ...allowOrigin(rule, request),
          'access-control-allow-methods': (rule.method ?? []).join(','),
          ...(wanted.length === 0 ? {} : { 'access-control-allow-headers': wanted.join(',') }),
          'access-control-max-age': rule.maxAgeSeconds ?? 3600,
        }),
  });
}

/** CORS headers of the actual response of the XML API. */
export function xmlCorsHeaders(request: StorageRequest, rules: readonly CorsRule[]): ReplyHeaders {
  const rule = rules.find(
    (candidate) => allowsOrigin(candidate, request) && allowsMethod(candidate, request.method),
  );
  if (rule === undefined) return {};
  const exposed = (rule.responseHeader ?? []).join(',');
  return {
    ...allowOrigin(rule, request),
    ...(exposed === '' ? {} : { 'access-control-expose-headers': exposed }),
  };
}

function allowOrigin(rule: CorsRule, request: StorageRequest): ReplyHeaders {
  const any = (rule.origin ?? []).includes('*');
  return any
    ? { 'access-control-allow-origin': '*' }
    : { 'access-control-allow-origin': headerOf(request.headers, 'origin') ?? '', vary: 'Origin' };
}

function allowsOrigin({ origin = [] }: CorsRule, { headers }: StorageRequest): boolean {
  const requested = headerOf(headers, 'origin');
  return requested !== undefined && (origin.includes('*') || origin.includes(requested));
}

const allowsMethod = ({ method = [] }: CorsRule, requested: string): boolean =>
  method.includes('*') || method.includes(requested);

/** The rule's `responseHeader` lists both the allowed request headers and the exposed response headers. */
const allowsHeader = ({ responseHeader = [] }: CorsRule, name: string): boolean =>
  responseHeader.some((allowed) => {
    const lower = allowed.toLowerCase();
    return lower === '*' || lower === name || (lower.endsWith('*') && name.startsWith(lower.slice(0, -1)));
  });
