/**
 * The identity of the local cloud: one RSA key, generated on the first run and kept in the state folder.
 *
 * The key does the work of two keys of Google. It signs the OIDC tokens that Cloud Tasks, Cloud Scheduler and Eventarc
 * send (the functions verify them against `jwks`). It is also the private key of the service account that signs V4 URLs.
 */
import {
  createPrivateKey,
  createPublicKey,
  createSign,
  generateKeyPairSync,
  type JsonWebKey,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface LocalIdentity {
  /** E-mail address of the only local service account. */
  readonly serviceAccountEmail: string;
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  /** The public half as a JSON Web Key Set. */
  readonly jwks: { readonly keys: readonly JsonWebKey[] };
  /** Returns a compact RS256 JWT with these claims. */
  readonly signJwt: (claims: Readonly<Record<string, unknown>>) => string;
}

/** Issuer of every local token. */
export const LOCAL_ISSUER = 'https://accounts.clapper.local';

const SERVICE_ACCOUNT_EMAIL = 'local@clapper-local.iam.gserviceaccount.com';
const KEY_ID = 'clapper-local';

/** Loads the key from `<stateDir>/identity.pem`. Generates it when the file is missing. */
export function loadIdentity(stateDir: string): LocalIdentity {
  const file = path.join(stateDir, 'identity.pem');
  if (!existsSync(file)) {
    mkdirSync(stateDir, { recursive: true });
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, pem, { mode: 0o600 });
    renameSync(draft, file);
  }
  const privateKeyPem = readFileSync(file, 'utf8');
  const publicKey = createPublicKey(createPrivateKey(privateKeyPem));
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, alg: 'RS256', use: 'sig' };
  return {
    serviceAccountEmail: SERVICE_ACCOUNT_EMAIL,
    privateKeyPem,
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    jwks: { keys: [jwk] },
    signJwt: (claims) => {
      const signed = `${base64Url({ alg: 'RS256', typ: 'JWT', kid: KEY_ID })}.${base64Url(claims)}`;
      return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKeyPem).toString('base64url')}`;
    },
  };
}

const base64Url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The claims of an ID token as Google issues it, for `audience`, valid for one hour from `nowMs`. */
export function idTokenClaims(email: string, audience: string, nowMs: number): Record<string, unknown> {
  const iat = Math.floor(nowMs / 1000);
  return {
    iss: LOCAL_ISSUER,
    aud: audience,
    azp: email,
    sub: email,
    email,
    email_verified: true,
    iat,
    exp: iat + 3600,
  };
}
