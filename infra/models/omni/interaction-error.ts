/**
 * Errors in the format of the Interactions API.
 *
 * On the Developer API the service returns `{error: {code: 'invalid_request', message}}` with a text code. This was
 * observed for 400; the other codes follow its pattern. The layers in front of the service (API keys, gateways) return
 * Google's usual error model. Vertex AI always returns the usual model.
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

/** Runs `work` and converts its GoogleErrors to the format of the host. */
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
