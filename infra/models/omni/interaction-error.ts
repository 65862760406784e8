/**
 * Refusals as the Interactions API words them.
 *
 * On the Developer API the service itself answers `{error: {code: 'invalid_request', message}}` with a code in words
 * (observed for 400; the others follow its pattern), while what stands before it — keys, gateways — answers in
 * Google's usual error model. On Vertex AI everything is in the usual model.
 */
import type { Surface } from '../catalogue.ts';
import { GoogleError, type GoogleStatus } from '../http/google-error.ts';
import { jsonReply, type Reply } from '../http/reply.ts';

const CODES: Readonly<Record<GoogleStatus, string>> = {
  INVALID_ARGUMENT: 'invalid_request',
  FAILED_PRECONDITION: 'invalid_request',
  UNAUTHENTICATED: 'unauthenticated',
  PERMISSION_DENIED: 'permission_denied',
  NOT_FOUND: 'not_found',
  RESOURCE_EXHAUSTED: 'too_many_requests',
  INTERNAL: 'api_error',
  UNAVAILABLE: 'service_unavailable',
};

/** Runs `work` and words its refusals for this host. */
export async function withInteractionErrors(
  host: Surface,
  work: () => Promise<Reply> | Reply,
): Promise<Reply> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GoogleError)) throw error;
    const { message, code, status, details } = error;
    if (host === 'developer') return jsonReply({ error: { message, code: CODES[status] } }, code);
    return jsonReply({ error: { code, message, status, ...(details.length > 0 && { details }) } }, code);
  }
}
