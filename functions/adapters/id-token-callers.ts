/**
 * Authenticates callers by the Google-signed ID token in `Authorization`.
 *
 * Cloud Run with an invoker binding verifies the token itself and then replaces the signature, so that only the claims
 * can be read. Everywhere else the signature is verified against the issuer's keys.
 */
import { createRemoteJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import { API_KEY, SERVERLESS_AUTHORIZATION } from '../core/access/credential-headers.ts';
import { ProblemError } from '../core/problem.ts';
import type { CallerCheck } from '../ports.ts';
import { bearerOf, unauthenticated } from './credentials.ts';
import { hashSecret } from './ids.ts';

export interface IdTokenOptions {
  /** `verify`: this code checks the signature. `platform`: the platform in front of this function has checked it. */
  readonly signature: 'verify' | 'platform';
  readonly jwksUrl: string;
  readonly issuers: readonly string[];
  /** `aud` has to be one of these. */
  readonly audiences: readonly string[];
  /** If given, only these identities are accepted. */
  readonly allowedEmails?: readonly string[] | undefined;
}

/** For `localCaller` a key is the caller's name, which is stored with every job. */
const KEY_CHARACTERS_MAX = 256;

export function createIdTokenCallers(options: IdTokenOptions): CallerCheck {
  const { signature, issuers, audiences, allowedEmails } = options;
  const keys = createRemoteJWKSet(new URL(options.jwksUrl));

  const claimsOf = async (token: string): Promise<JWTPayload> => {
    if (signature === 'platform') return decodeJwt(token);
    const { payload } = await jwtVerify(token, keys, {
      issuer: [...issuers],
      audience: [...audiences],
      clockTolerance: 30,
    });
    return payload;
  };

  // If both headers are present, the platform has checked only this one; the other may be forged.
  const tokenOf = (headers: Headers): string | undefined =>
    signature === 'platform' && headers.has(SERVERLESS_AUTHORIZATION)
      ? bearerOf(headers, SERVERLESS_AUTHORIZATION)
      : bearerOf(headers);

  return {
    async verify(headers) {
      const token = tokenOf(headers);
      if (token === undefined && headers.has(API_KEY))
        throw unauthenticated(
          'This deployment does not accept API keys. Send a Google-signed ID token as Authorization: Bearer instead.',
        );
      if (token === undefined)
        throw unauthenticated('Send Authorization: Bearer with a Google-signed ID token.');
      let claims: JWTPayload;
      try {
        claims = await claimsOf(token);
      } catch (error) {
        throw unauthenticated(
          `The ID token is invalid: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      const { email, email_verified: verified, sub } = claims;
      const identity = typeof email === 'string' && verified === true ? email : sub;
      if (identity === undefined)
        throw unauthenticated('The ID token has neither a verified email nor a sub claim.');
      if (allowedEmails && !allowedEmails.includes(identity)) {
        throw new ProblemError({
          status: 403,
          code: 'forbidden',
          title: 'Not allowed',
          detail: `${identity} may not call this function.`,
        });
      }
      return identity;
    },
  };
}

/** A caller's name is stored in jobs and logs, so a real Google API key is replaced by a hash. */
const GOOGLES_KEY = /^(?:AIza[\w-]{30,}|AQ\.)/;

/**
 * For the local stack, which only loopback can reach: the API key or bearer token is the caller's name; without one the
 * name is 'local'. Google's own tokens also give 'local', because they change every hour while the caller stays the
 * same.
 */
export const localCaller: CallerCheck = {
  async verify(headers) {
    const key = headers.get(API_KEY)?.trim();
    if (key !== undefined && key.length > KEY_CHARACTERS_MAX)
      throw unauthenticated(`The API key has ${key.length} characters; the limit is ${KEY_CHARACTERS_MAX}.`);
    if (key) return GOOGLES_KEY.test(key) ? `google-key-${hashSecret(key).slice(0, 8)}` : key;
    const token = bearerOf(headers);
    return token === undefined || /^(?:ya29\.|eyJ)/.test(token) ? 'local' : token;
  },
};
