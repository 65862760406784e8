/**
 * Verifies that a webhook comes from the Gemini API: `webhook-signature` holds an unexpired JWT, signed with RS256 by a
 * key that Google publishes, with our URL as audience. Only third parties document these tokens, so nothing else is
 * required; the body's digest is checked if the token has one.
 */
import { createHash } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { ProblemError } from '../core/problem.ts';
import type { WebhookCheck } from '../ports.ts';

export interface ProviderWebhookOptions {
  /** The webhook URL that was sent to the provider; its tokens have it as audience. */
  readonly url: string;
  readonly jwksUrl: string;
}

export function createProviderWebhooks({ url, jwksUrl }: ProviderWebhookOptions): WebhookCheck {
  const keys = createRemoteJWKSet(new URL(jwksUrl));
  return {
    async verify(headers, body) {
      const token = headers.get('webhook-signature') ?? '';
      try {
        const { payload } = await jwtVerify(token, keys, {
          audience: url,
          algorithms: ['RS256'],
          clockTolerance: 60,
        });
        const digest = payload['body_sha256'];
        if (digest !== undefined && digest !== createHash('sha256').update(body).digest('hex')) {
          throw new Error('body_sha256 of the token is not the digest of the body');
        }
      } catch (error) {
        throw new ProblemError({
          status: 401,
          code: 'unauthenticated',
          title: 'The webhook is not signed by the provider',
          detail: error instanceof Error ? error.message : String(error),
        });
      }
    },
  };
}
