/** The tokens of `npm run verify`. */
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { createCredentials } from '../../infra/verify/credentials.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const dir = temporaryDir();
afterEach(() => vi.unstubAllEnvs());

/** A machine without credentials for Google, whose `gcloud` is this shell script. */
function machineWith(gcloud: string): void {
  const file = path.join(dir, 'gcloud');
  writeFileSync(file, `#!/bin/sh\n${gcloud}\n`);
  chmodSync(file, 0o755);
  vi.stubEnv('PATH', `${dir}:/usr/bin:/bin`);
  vi.stubEnv('HOME', dir);
  vi.stubEnv('CLOUDSDK_CONFIG', dir);
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined);
}

it('asks gcloud for an ID token, and again only after half an hour', async () => {
  machineWith('echo "token-of-$1-$2-$(date +%N)"');
  let nowMs = 0;
  const { idToken } = createCredentials(() => nowMs);
  const first = await idToken('https://api.example');
  expect(first).toMatch(/^token-of-auth-print-identity-token-\d+$/);
  expect(await idToken('https://api.example')).toBe(first);
  nowMs = 31 * 60_000;
  expect(await idToken('https://api.example')).not.toBe(first);
});

it('says which command failed, and how to log in', async () => {
  machineWith('echo "You are not logged in" >&2; exit 1');
  const { idToken, accessToken } = createCredentials(() => 0);
  await expect(idToken('https://api.example')).rejects.toThrow(
    /print-identity-token failed .*not logged in/s,
  );
  await expect(accessToken()).rejects.toThrow('gcloud auth application-default login');
});

it('sends no token of Google to a local stack', async () => {
  machineWith('echo secret');
  expect(await createCredentials(() => 0).idToken('http://127.0.0.1:8080')).toBe('ya29.local');
});
