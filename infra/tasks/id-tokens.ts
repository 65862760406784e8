/** Gives out ID tokens, signing one per account and audience and using it again for a while, as Google does. */

export type SignIdToken = (serviceAccountEmail: string, audience: string) => string;

/** A token is good for an hour, so one of this age still is for longer than any dispatch deadline. */
const REUSE_MS = 5 * 60_000;

/** Above this, tokens are forgotten: audiences that are URLs of single tasks would pile up. */
const MAX_KEPT = 1000;

export class IdTokens {
  readonly #sign: SignIdToken;
  readonly #now: () => number;
  readonly #kept = new Map<string, { readonly token: string; readonly signedAtMs: number }>();

  constructor(sign: SignIdToken, now: () => number) {
    this.#sign = sign;
    this.#now = now;
  }

  tokenFor(serviceAccountEmail: string, audience: string): string {
    const key = `${serviceAccountEmail} ${audience}`;
    const nowMs = this.#now();
    const kept = this.#kept.get(key);
    if (kept !== undefined && Math.abs(nowMs - kept.signedAtMs) < REUSE_MS) return kept.token;
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    const token = this.#sign(serviceAccountEmail, audience);
    this.#kept.set(key, { token, signedAtMs: nowMs });
    return token;
  }
}
