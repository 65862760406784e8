/** Issues ID tokens. Like Google, it reuses the token of an account and an audience for a while. */

export type SignIdToken = (serviceAccountEmail: string, audience: string) => string;

/** A token is valid for one hour. A token of this age is still valid for longer than the longest dispatch deadline. */
const REUSE_MS = 5 * 60_000;

/** Limits the cache, which would otherwise grow when every task has its own audience. */
const MAX_CACHED = 1000;

export class IdTokens {
  readonly #sign: SignIdToken;
  readonly #now: () => number;
  readonly #cached = new Map<string, { readonly token: string; readonly signedAtMs: number }>();

  constructor(sign: SignIdToken, now: () => number) {
    this.#sign = sign;
    this.#now = now;
  }

  tokenFor(serviceAccountEmail: string, audience: string): string {
    const key = `${serviceAccountEmail} ${audience}`;
    const nowMs = this.#now();
    const cached = this.#cached.get(key);
    if (cached !== undefined && Math.abs(nowMs - cached.signedAtMs) < REUSE_MS) return cached.token;
    if (this.#cached.size >= MAX_CACHED) this.#cached.clear();
    const token = this.#sign(serviceAccountEmail, audience);
    this.#cached.set(key, { token, signedAtMs: nowMs });
    return token;
  }
}
