import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createIdTokenCallers,
  type IdTokenOptions,
  localCaller,
} from '../../../functions/adapters/id-token-callers.ts';
import { ProblemError } from '../../../functions/core/problem.ts';
import { startTokenServer } from '../../../infra/identity/token-server.ts';
import { idTokenClaims, LOCAL_ISSUER, loadIdentity } from '../../../infra/shared/identity.ts';
import type { RunningServer } from '../../../infra/shared/running-server.ts';
import { temporaryDir } from '../../support/temporary-dir.ts';

const dir = temporaryDir();
const identity = loadIdentity(dir);
const stranger = loadIdentity(`${dir}/stranger`);
const AUDIENCE = 'https://api.test';
let server: RunningServer;

beforeAll(async () => {
  server = await startTokenServer(identity);
});
afterAll(() => server.stop());

const token = (over: Record<string, unknown> = {}, signer = identity, nowMs = Date.now()): string =>
  signer.signJwt({ ...idTokenClaims('ann@example.test', AUDIENCE, nowMs), ...over });

async function verify(
  authorization: string | undefined,
  over: Partial<IdTokenOptions> = {},
  others: Record<string, string> = {},
): Promise<string | number> {
  const callers = createIdTokenCallers({
    signature: 'verify',
    jwksUrl: `http://127.0.0.1:${server.port}/jwks`,
    issuers: [LOCAL_ISSUER],
    audiences: [AUDIENCE],
    ...over,
  });
  try {
    return await callers.verify(
      new Headers({ ...others, ...(authorization === undefined ? {} : { authorization }) }),
    );
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.status;
    throw error;
  }
}

describe('the caller of an ID token', () => {
  it('is its verified e-mail, or its subject if the e-mail is not verified', async () => {
    expect(await verify(`Bearer ${token()}`)).toBe('ann@example.test');
    expect(await verify(`bearer ${token()}`)).toBe('ann@example.test');
    expect(await verify(`Bearer ${token({ email_verified: false, sub: '42' })}`)).toBe('42');
  });

  it.each([
    ['no header', undefined],
    ['another scheme', 'Basic YTpi'],
    ['no token', 'Bearer '],
    ['a malformed token', 'Bearer abc'],
  ])('with %s is 401', async (_, header) => {
    expect(await verify(header)).toBe(401);
  });

  it('is 401 for another audience, issuer or key, after expiry, or with a changed claim', async () => {
    expect(await verify(`Bearer ${token({ aud: 'https://other.test' })}`)).toBe(401);
    expect(await verify(`Bearer ${token({ iss: 'https://evil.test' })}`)).toBe(401);
    expect(await verify(`Bearer ${token({}, stranger)}`)).toBe(401);
    expect(await verify(`Bearer ${token({}, identity, Date.now() - 2 * 3_600_000)}`)).toBe(401);
    const [header, , signature] = token().split('.');
    const claims = Buffer.from(
      JSON.stringify({ ...idTokenClaims('eve@example.test', AUDIENCE, Date.now()) }),
    ).toString('base64url');
    expect(await verify(`Bearer ${header}.${claims}.${signature}`)).toBe(401);
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    expect(await verify(`Bearer ${none}.${claims}.`)).toBe(401);
  });

  it('is 403 if it is not among the allowed callers', async () => {
    expect(await verify(`Bearer ${token()}`, { allowedEmails: ['tasks@example.test'] })).toBe(403);
  });

  it('is read from the claims if the platform has verified and removed the signature', async () => {
    const [header, claims] = token().split('.');
    const stripped = `Bearer ${header}.${claims}.SIGNATURE_REMOVED_BY_GOOGLE`;
    expect(await verify(stripped, { signature: 'platform' })).toBe('ann@example.test');
    expect(await verify(stripped)).toBe(401);
  });
});

describe('a caller whose token the platform has verified', () => {
  const callers = createIdTokenCallers({
    ...{ signature: 'platform', jwksUrl: 'http://127.0.0.1:1/jwks', issuers: [LOCAL_ISSUER] },
    audiences: [AUDIENCE],
  });
  const stripped = (email: string): string => {
    const [header, claims] = token({ email }).split('.');
    return `Bearer ${header}.${claims}.SIGNATURE_REMOVED_BY_GOOGLE`;
  };
  const by = (headers: Record<string, string>): Promise<string> => callers.verify(new Headers(headers));

  it('may send it in X-Serverless-Authorization, as gcloud’s proxy does', async () => {
    expect(await by({ 'x-serverless-authorization': stripped('ann@example.test') })).toBe('ann@example.test');
  });

  it('is then not changed by the Authorization header, which nobody has verified', async () => {
    const authorization = stripped('operator@example.test');
    const checked = stripped('eve@example.test');
    expect(await by({ authorization, 'x-serverless-authorization': checked })).toBe('eve@example.test');
    for (const other of ['', 'Basic YTpi', `${checked}, ${authorization}`])
      await expect(by({ authorization, 'x-serverless-authorization': other })).rejects.toMatchObject({
        problem: { status: 401 },
      });
  });

  it('is not read from that header if the signature is verified here', async () => {
    expect(
      await verify(
        `Bearer ${token()}`,
        {},
        { 'x-serverless-authorization': stripped('operator@example.test') },
      ),
    ).toBe('ann@example.test');
  });
});

describe('a caller of the local stack', () => {
  const named = (headers: Record<string, string>): Promise<string> =>
    localCaller.verify(new Headers(headers));

  it('is named by its API key, or else by its bearer token', async () => {
    expect(await named({ 'x-goog-api-key': 'ann' })).toBe('ann');
    expect(await named({ authorization: 'Bearer bob' })).toBe('bob');
    expect(await named({ 'x-goog-api-key': 'ann', authorization: 'Bearer bob' })).toBe('ann');
  });

  it('is `local` without either, and with a Google access token, which changes every hour', async () => {
    expect(await named({})).toBe('local');
    expect(await named({ 'x-goog-api-key': ' ' })).toBe('local');
    expect(await named({ authorization: 'Bearer ya29.a0AfB' })).toBe('local');
    expect(await named({ authorization: `Bearer ${token()}` })).toBe('local');
  });

  it('is not named by a real Google key, because names are stored in jobs and logs', async () => {
    const key = `AIza${'x'.repeat(35)}`;
    const name = await named({ 'x-goog-api-key': key });
    expect(name).toMatch(/^google-key-[0-9a-f]{8}$/);
    expect(await named({ 'x-goog-api-key': key })).toBe(name);
    expect(await named({ 'x-goog-api-key': `AIza${'y'.repeat(35)}` })).not.toBe(name);
    expect(await named({ 'x-goog-api-key': 'AQ.Ab8RN6' })).toMatch(/^google-key-/);
  });

  it('has a name of at most 256 characters', async () => {
    await expect(named({ 'x-goog-api-key': 'k'.repeat(257) })).rejects.toThrow('257 characters');
  });
});

describe('an API key in the cloud', () => {
  it('is rejected with a hint what to send instead, and does not invalidate a token', async () => {
    const callers = createIdTokenCallers({
      ...{ signature: 'verify', issuers: [LOCAL_ISSUER], audiences: [AUDIENCE] },
      jwksUrl: `http://127.0.0.1:${server.port}/jwks`,
    });
    const key = { 'x-goog-api-key': 'ann' };
    await expect(callers.verify(new Headers(key))).rejects.toMatchObject({
      problem: { status: 401, detail: expect.stringContaining('does not accept API keys') },
    });
    const both = new Headers({ ...key, authorization: `Bearer ${token()}` });
    expect(await callers.verify(both)).toBe('ann@example.test');
  });
});
