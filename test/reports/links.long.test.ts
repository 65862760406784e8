/**
 * nocodb/nocodb#9858, googleapis/google-cloud-php#1108: downloads with real curl on a local stack, whose storage verifies
 * signatures and refuses `x-goog-` headers that are not signed, as Cloud Storage does.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { startTestStack, type TestStack } from '../support/local-stack.ts';

const run = promisify(execFile);
const KEY = ['-H', 'x-goog-api-key: ann'];

let stack: TestStack;
let folder: string;
const downloads = new Map<string, string>();

const curl = async (...args: readonly string[]): Promise<string> =>
  (
    await run('curl', ['-sS', '--fail-with-body', ...args], {
      cwd: folder,
      encoding: 'latin1',
      maxBuffer: 1e9,
    })
  ).stdout;

async function post(route: string, body: unknown): Promise<string> {
  const response = await fetch(`${stack.endpoints.api}${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-goog-api-key': 'ann' },
    body: JSON.stringify(body),
  });
  const { id, name } = z
    .object({ id: z.string().optional(), name: z.string().optional() })
    .parse(await response.json());
  return id ?? name ?? '';
}

const statusOf = async (route: string): Promise<unknown> => {
  const headers = { 'x-goog-api-key': 'ann', prefer: 'wait=20' };
  const view = await (await fetch(`${stack.endpoints.api}${route}`, { headers })).json();
  return z.looseObject({ status: z.unknown().optional(), done: z.unknown().optional() }).parse(view);
};

const reaches = (route: string, state: object): Promise<unknown> =>
  vi.waitFor(async () => expect(await statusOf(route)).toMatchObject(state), {
    timeout: 60_000,
    interval: 50,
  });

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'clapper-links-'));
  stack = await startTestStack();
  const { api } = stack.endpoints;
  const job = await post('/v1/jobs', { prompt: 'a kitten', durationSeconds: 4 });
  const batch = await post('/v1/batches', { rows: [{ prompt: 'a kitten', durationSeconds: 4 }] });
  const operation = await post('/v1beta/models/veo-3.1-generate-preview:predictLongRunning', {
    instances: [{ prompt: 'a kitten' }],
    parameters: { durationSeconds: 4 },
  });
  await reaches(`/v1/jobs/${job}`, { status: 'succeeded' });
  await reaches(`/v1/batches/${batch}`, { status: 'done' });
  await reaches(`/v1beta/${operation}`, { done: true });
  downloads.set('video', `${api}/v1/jobs/${job}/videos/0`);
  downloads.set('report', `${api}/v1/batches/${batch}/report?format=csv`);
  downloads.set('file', `${api}/v1beta/files/${operation.split('/').at(-1)}0:download?alt=media`);
});
afterAll(async () => {
  await stack.dispose();
  rmSync(folder, { recursive: true, force: true });
});

describe.each([
  ['video', 'ftyp', /^job_[a-z2-7]{26}-0\.mp4$/],
  ['report', 'row,line', /^bat_[a-z2-7]{26}-report\.csv$/],
  ['file', 'ftyp', /^job_[a-z2-7]{26}-0\.mp4$/],
])('curl -L of a %s (nocodb/nocodb#9858)', (what, content, fileName) => {
  const url = (): string => downloads.get(what) ?? '';

  it.each([
    ['a key', KEY],
    [
      'a key and headers of Google’s SDK',
      [...KEY, '-H', 'x-goog-api-client: gl-node/22', '-H', 'x-goog-user-project: p'],
    ],
    ['a bearer token', ['-H', 'authorization: Bearer ann']],
    ['a key and JSON among what it accepts', [...KEY, '-H', 'accept: application/json, text/plain, */*']],
  ])('works with %s', async (_with, headers) => {
    expect((await curl('-L', ...headers, url())).slice(0, 40)).toContain(content);
  });

  it('gets a range, and the rest of a broken download', async () => {
    const whole = await curl('-L', ...KEY, url());
    expect(await curl('-L', ...KEY, '-r', '4-11', url())).toBe(whole.slice(4, 12));
    expect(await curl('-L', ...KEY, '-r', '10-', url())).toBe(whole.slice(10));
    expect(await curl('-L', ...KEY, '-r', '-5', url())).toBe(whole.slice(-5));
  });

  it('gets the headers with -I that a GET has, apart from the ETag', async () => {
    const length = (await curl('-L', ...KEY, url())).length;
    const head = await curl('-IL', ...KEY, url());
    expect(head).toMatch(/^HTTP\/1\.1 200/);
    expect(head.toLowerCase()).toContain(`content-length: ${length}\r\n`);
    for (const name of ['accept-ranges', 'content-disposition', 'content-type'])
      expect(head.toLowerCase()).toContain(`\r\n${name}: `);
    const answer = await curl('-L', '-D', '-', '-o', '/dev/null', ...KEY, url());
    for (const name of ['etag', 'accept-ranges: bytes', 'content-disposition', `content-length: ${length}`])
      expect(answer.toLowerCase()).toContain(`\r\n${name}`);
  });

  it('has one ETag on its whole way, and is not sent again to a client that repeats it', async () => {
    const ways = [['-IL'], ['-L', '-D', '-', '-o', '/dev/null']];
    const heads = await Promise.all(ways.map((way) => curl(...way, ...KEY, url())));
    const etags = new Set(
      heads.flatMap((head) => [...head.matchAll(/^etag: (.*)\r$/gim)].map(([, etag]) => etag)),
    );
    expect(etags.size).toBe(1);
    const [etag = ''] = etags;
    const again = await curl('-L', '-D', '-', ...KEY, '-H', `if-none-match: ${etag}`, url());
    expect(again).toMatch(/HTTP\/1\.1 304/);
    expect(again).not.toContain(content);
  });

  it('saves it under a useful name with -OJ', async () => {
    const into = mkdtempSync(path.join(folder, 'saved-'));
    await run('curl', ['-sSLOJ', ...KEY, url()], { cwd: into });
    expect(readdirSync(into)).toEqual([expect.stringMatching(fileName)]);
  });
});
