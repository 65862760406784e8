/**
 * Proof that a webhook comes from the Gemini API: `webhook-signature` holds a JWT signed with RS256 by a key that Google
 * publishes, made for our URL and not over. The form of these tokens is known from a third party only, so no more is
 * asked of them; where one carries the body's digest, that is checked too.
 */
import { createHash } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { ProblemError } from '../core/problem.ts';
import type { WebhookCheck } from '../ports.ts';

export interface ProviderWebhookOptions {
  /** The URL that providers were given, which their tokens name as audience. */
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
          throw new Error('the token was made for another body');
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
