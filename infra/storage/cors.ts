/** Cross-origin rules: the JSON API allows every origin, the XML API what the bucket's `cors` says. */
import type { CorsRule } from './bucket-resource.ts';
import {
  emptyReply,
  headerOf,
  type ReplyHeaders,
  type StorageReply,
  type StorageRequest,
} from './messages.ts';

/** A preflight to the JSON API. */
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

/** A preflight to the XML API. Without a rule that fits, the reply allows nothing and the browser refuses. */
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

/** Headers on the actual reply of the XML API. */
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
  const asked = headerOf(headers, 'origin');
  return asked !== undefined && (origin.includes('*') || origin.includes(asked));
}

const allowsMethod = ({ method = [] }: CorsRule, asked: string): boolean =>
  method.includes('*') || method.includes(asked);

/** The rule's `responseHeader` lists both what may be sent and what is exposed. */
const allowsHeader = ({ responseHeader = [] }: CorsRule, name: string): boolean =>
  responseHeader.some((allowed) => {
    const lower = allowed.toLowerCase();
    return lower === '*' || lower === name || (lower.endsWith('*') && name.startsWith(lower.slice(0, -1)));
  });
