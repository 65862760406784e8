/** Authenticates callers by Clapper's own API keys, sent in `x-goog-api-key` or as bearer token. */
import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type ApiKey, parseKey } from '../core/access/api-key.ts';
import { API_KEY } from '../core/access/credential-headers.ts';
import type { ApiKeyStore, CallerCheck, Clock } from '../ports.ts';
import { bearerOf, unauthenticated } from './credentials.ts';
import { hashSecret } from './ids.ts';

/** A revoked key stays valid for up to this long. Without the cache a poll would cost two Firestore reads, not one. */
export const KEY_CACHE_MS = 60_000;
/** Limits the memory of the cache, which also holds unknown keys that anyone can send. */
const CACHED_KEYS_MAX = 5000;

export interface ApiKeyCallersOptions {
  readonly store: Pick<ApiKeyStore, 'get'>;
  readonly clock: Clock;
  /** Used if the request has no key of Clapper's. Without it, such requests are refused. */
  readonly fallback?: CallerCheck | undefined;
}

export function createApiKeyCallers({ store, clock, fallback }: ApiKeyCallersOptions): CallerCheck {
  const cache = new LRUCache<string, { readonly key: ApiKey | undefined }>({
    max: CACHED_KEYS_MAX,
    ttl: KEY_CACHE_MS,
    // By default the cache reads its own clock only once per millisecond; 0 makes it read ours each time.
    ttlResolution: 0,
    perf: clock,
    fetchMethod: async (keyId) => ({ key: await store.get(keyId) }),
  });

  return {
    async verify(headers) {
      const presented = keysOf(headers)
        .map(parseKey)
        .find((key) => key !== undefined);
      if (!presented) {
        if (fallback) return fallback.verify(headers);
        throw unauthenticated(
          'Send an API key of this deployment as x-goog-api-key. An operator creates keys with POST /v1/keys.',
        );
      }
      const found = (await cache.fetch(presented.keyId))?.key;
      const holds = found !== undefined && same(found.secretHash, hashSecret(presented.secret));
      // The same answer for an unknown id and a wrong secret, so that ids cannot be probed.
      if (!holds) throw unauthenticated('API key not valid. Please pass a valid API key.');
      if (found.revoked) throw unauthenticated(`API key ${found.keyId} has been revoked.`);
      return found.caller;
    },
  };
}

const keysOf = (headers: Headers): string[] => [headers.get(API_KEY)?.trim() ?? '', bearerOf(headers) ?? ''];

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
