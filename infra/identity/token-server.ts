/**
 * The identity services of the local cloud: the key set that verifies its ID tokens, and a security token service (STS)
 * that issues access tokens. Google's auth library runs its whole token exchange unchanged.
 *
 * `GET /jwks` → JSON Web Key Set. `POST /token` → `{access_token, token_type, expires_in}`.
 */
import { createPublicKey, createVerify } from 'node:crypto';
import http from 'node:http';
import type { LocalIdentity } from '../shared/identity.ts';
import { KEEP_ALIVE_MS, LOOPBACK, type RunningServer } from '../shared/running-server.ts';

const ACCESS_AUDIENCE = 'https://googleapis.clapper.local';
const LIFETIME_SECONDS = 3600;

export async function startTokenServer(
  identity: LocalIdentity,
  { port = 0, now = Date.now }: { readonly port?: number; readonly now?: () => number } = {},
): Promise<RunningServer> {
  const server = http.createServer((request, response) => {
    request.resume();
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.method === 'GET' && request.url === '/jwks') return send(200, identity.jwks);
    if (request.method === 'POST' && request.url === '/token') {
      return send(200, {
        access_token: accessToken(identity, now()),
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: LIFETIME_SECONDS,
      });
    }
    return send(404, { error: 'not_found', error_description: `${request.method} ${request.url}` });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function accessToken(identity: LocalIdentity, nowMs: number): string {
  const iat = Math.floor(nowMs / 1000);
  return identity.signJwt({
    sub: identity.serviceAccountEmail,
    aud: ACCESS_AUDIENCE,
    iat,
    exp: iat + LIFETIME_SECONDS,
  });
}

/** Whether this server issued the access token and the token has not expired. */
export function isAccessToken(identity: LocalIdentity, token: string, nowMs: number): boolean {
  const [header, claims, signature, ...rest] = token.split('.');
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0)
    return false;
  const verify = createVerify('RSA-SHA256').update(`${header}.${claims}`);
  if (!verify.verify(createPublicKey(identity.publicKeyPem), signature, 'base64url')) return false;
  const { aud, exp }: { aud?: unknown; exp?: unknown } = JSON.parse(
    Buffer.from(claims, 'base64url').toString('utf8'),
  );
  return aud === ACCESS_AUDIENCE && typeof exp === 'number' && exp * 1000 > nowMs;
}
