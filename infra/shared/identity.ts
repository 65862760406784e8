/**
 * The identities of the local cloud: one RSA key made on first run and kept under the state folder.
 *
 * The key plays both parts that Google's keys play: it signs the OIDC tokens that Cloud Tasks and Eventarc send (the
 * functions verify them against `jwks`), and it is the private key of a service account that signs V4 links.
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
  /** E-mail of the one local service account. */
  readonly serviceAccountEmail: string;
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  /** The public half as a JSON Web Key Set. */
  readonly jwks: { readonly keys: readonly JsonWebKey[] };
  /** A compact RS256 JWT over these claims. */
  readonly signJwt: (claims: Readonly<Record<string, unknown>>) => string;
}

/** Issuer of every local token. */
export const LOCAL_ISSUER = 'https://accounts.clapper.local';

const SERVICE_ACCOUNT_EMAIL = 'local@clapper-local.iam.gserviceaccount.com';
const KEY_ID = 'clapper-local';

/** Loads the key from `<stateDir>/identity.pem`, or makes it. */
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

/** The claims of a Google-style ID token for `audience`, valid for an hour from `nowMs`. */
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
