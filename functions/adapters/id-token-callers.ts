/**
 * Who calls, by the Google-signed ID token in `Authorization`.
 *
 * Where the platform has checked the token already (Cloud Run with an invoker binding) it replaces the signature, so
 * that only the claims are left to read; everywhere else the signature is verified against the issuer's keys.
 */
import { createRemoteJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import { API_KEY, SERVERLESS_AUTHORIZATION } from '../core/credential-headers.ts';
import { ProblemError } from '../core/problem.ts';
import type { CallerCheck } from '../ports.ts';
import { bearerOf, unauthenticated } from './credentials.ts';
import { hashSecret } from './ids.ts';

export interface IdTokenOptions {
  /** `verify`: check the signature. `platform`: the platform in front of this function has. */
  readonly signature: 'verify' | 'platform';
  readonly jwksUrl: string;
  readonly issuers: readonly string[];
  /** `aud` has to be one of these. */
  readonly audiences: readonly string[];
  /** When given, only these identities pass. */
  readonly allowedEmails?: readonly string[] | undefined;
}

/** A key is a caller's name here, and names are stored with every job. */
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

  // The token that the platform has checked, and no other: anybody could have written the other one.
  const tokenOf = (headers: Headers): string | undefined =>
    signature === 'platform' && headers.has(SERVERLESS_AUTHORIZATION)
      ? bearerOf(headers, SERVERLESS_AUTHORIZATION)
      : bearerOf(headers);

  return {
    async verify(headers) {
      const token = tokenOf(headers);
      if (token === undefined && headers.has(API_KEY))
        throw unauthenticated(
          'API keys are not accepted here: this deployment knows its callers by Google-signed ID tokens. ' +
            'Send one as Authorization: Bearer instead of the key.',
        );
      if (token === undefined)
        throw unauthenticated('Send Authorization: Bearer with a Google-signed ID token.');
      let claims: JWTPayload;
      try {
        claims = await claimsOf(token);
      } catch (error) {
        throw unauthenticated(
          `The ID token does not hold: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      const { email, email_verified: verified, sub } = claims;
      const identity = typeof email === 'string' && verified === true ? email : sub;
      if (identity === undefined) throw unauthenticated('The ID token names nobody.');
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

/** A caller's name is in every job and in the log, where a key that Google would take has no business. */
const GOOGLES_KEY = /^(?:AIza[\w-]{30,}|AQ\.)/;

/**
 * For the local stack, which only loopback can reach: an API key or a bearer token is the name of its caller, and
 * everybody else is 'local'. So are Google's own tokens: they change every hour, and whoever sends them does not.
 */
export const localCaller: CallerCheck = {
  async verify(headers) {
    const key = headers.get(API_KEY)?.trim();
    if (key !== undefined && key.length > KEY_CHARACTERS_MAX)
      throw unauthenticated(`The API key has ${key.length} characters; ${KEY_CHARACTERS_MAX} are taken.`);
    if (key) return GOOGLES_KEY.test(key) ? `google-key-${hashSecret(key).slice(0, 8)}` : key;
    const token = bearerOf(headers);
    return token === undefined || /^(?:ya29\.|eyJ)/.test(token) ? 'local' : token;
  },
};
