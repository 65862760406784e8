/** Authentication: a bearer token on Vertex, an API key on the Developer API. */
import { createHash } from 'node:crypto';
import { errorInfo, refuse } from './google-error.ts';
import type { Call } from './router.ts';

export interface Credentials {
  readonly isAccessToken: (bearer: string) => boolean;
  readonly isApiKey: (key: string) => boolean;
}

const EXPECTED =
  'Expected OAuth 2 access token, login cookie or other valid authentication credential. ' +
  'See https://developers.google.com/identity/sign-in/web/devconsole-project.';
const VERTEX = 'aiplatform.googleapis.com';

export function requireAccessToken(call: Call, method: string, credentials: Credentials): void {
  const metadata = { service: VERTEX, method: `google.cloud.aiplatform.v1beta1.PredictionService.${method}` };
  const bearer = /^Bearer\s+(\S+)$/i.exec(call.headers['authorization'] ?? '')?.[1];
  if (bearer === undefined) {
    const hasKey = call.headers['x-goog-api-key'] !== undefined || call.query.has('key');
    refuse(
      'UNAUTHENTICATED',
      hasKey
        ? `API keys are not supported by this API. ${EXPECTED}`
        : `Request is missing required authentication credential. ${EXPECTED}`,
      [errorInfo('CREDENTIALS_MISSING', 'googleapis.com', metadata)],
    );
  }
  if (!credentials.isAccessToken(bearer)) {
    refuse('UNAUTHENTICATED', `Request had invalid authentication credentials. ${EXPECTED}`, [
      errorInfo('ACCESS_TOKEN_TYPE_UNSUPPORTED', 'googleapis.com', metadata),
    ]);
  }
}

/** Returns a stand-in for the key's project: a name that is unique to the key and does not reveal it. */
export function requireApiKey(call: Call, credentials: Credentials): string {
  const key = call.headers['x-goog-api-key'] ?? call.query.get('key');
  if (key === undefined || key === null || key === '') {
    return refuse(
      'PERMISSION_DENIED',
      "Method doesn't allow unregistered callers (callers without established identity). " +
        'Please use API Key or other form of API consumer identity to call this API.',
    );
  }
  if (!credentials.isApiKey(key)) {
    return refuse('INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
      errorInfo('API_KEY_INVALID', 'googleapis.com', { service: 'generativelanguage.googleapis.com' }),
    ]);
  }
  return `key-${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
}
