/** Who calls, by an API key of Clapper's own: in `x-goog-api-key`, as Google's clients send one, or as a bearer token. */
import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type ApiKey, parseKey } from '../core/api-key.ts';
import { API_KEY } from '../core/credential-headers.ts';
import type { ApiKeyStore, CallerCheck, Clock } from '../ports.ts';
import { bearerOf, unauthenticated } from './credentials.ts';
import { hashSecret } from './ids.ts';

/** A revoked key is good for as long as this. A poll costs one read; looking the key up each time, it would cost two. */
export const KEY_REMEMBERED_MS = 60_000;
/** Of keys that are there and of such as somebody makes up: the memory of an instance has an end. */
const REMEMBERED_MAX = 5000;

export interface ApiKeyCallersOptions {
  readonly store: Pick<ApiKeyStore, 'get'>;
  readonly clock: Clock;
  /** Asked where the request has no key of ours. Without it only keys pass. */
  readonly otherwise?: CallerCheck | undefined;
}

export function createApiKeyCallers({ store, clock, otherwise }: ApiKeyCallersOptions): CallerCheck {
  const remembered = new LRUCache<string, { readonly key: ApiKey | undefined }>({
    max: REMEMBERED_MAX,
    ttl: KEY_REMEMBERED_MS,
    // Otherwise it reads a clock of its own, a millisecond at a time.
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
        if (otherwise) return otherwise.verify(headers);
        throw unauthenticated(
          'Send an API key of this deployment as x-goog-api-key. Its operators make keys: POST /v1/keys.',
        );
      }
      const found = (await remembered.fetch(presented.keyId))?.key;
      const holds = found !== undefined && same(found.secretHash, hashSecret(presented.secret));
      // That there is such an id is told to nobody who does not know its secret.
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
