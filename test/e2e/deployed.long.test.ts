/** The deployed code, run as on Google Cloud: the built source, a process per function, the framework's command. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../infra/stack/free-port.ts';
import { requestsOnOneConnection } from '../support/idle-connection.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';
import { listening } from '../support/ports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const FRAMEWORK = 'node_modules/@google-cloud/functions-framework/build/src/main.js';

let stack: TestStack;
const children: ChildProcess[] = [];

beforeAll(async () => {
  [stack] = await Promise.all([
    startTestStack(),
    promisify(execFile)(process.execPath, ['--import', 'tsx', 'infra/cli/build.ts'], { cwd: root }),
  ]);
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await stack.dispose();
});

/** Starts one function. @returns its URL, once it listens */
async function deploy(
  target: string,
  signature: 'http' | 'cloudevent',
  environment = stack.environment,
): Promise<string> {
  const port = await freePort();
  const child = spawn(process.execPath, [FRAMEWORK, `--source=${root}/dist/source`], {
    cwd: root,
    env: {
      ...process.env,
      ...environment,
      NODE_ENV: 'production',
      FUNCTION_TARGET: target,
      FUNCTION_SIGNATURE_TYPE: signature,
      PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) =>
      reject(new Error(`${target} exited with code ${code}:\n${lines.join('\n')}`)),
    );
  });
  // In production the framework does not log that it listens.
  await Promise.race([ended, listening(port)]);
  return `http://127.0.0.1:${port}`;
}

describe('the deployed api', () => {
  it('accepts a job, waits for it, and serves its video', async () => {
    const api = await deploy('api', 'http');
    const created = await fetch(`${api}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'a kitten', durationSeconds: 4 }),
    });
    expect(created.status).toBe(201);
    const location = created.headers.get('location');
    const done = await fetch(`${api}${location}`, { headers: { prefer: 'wait=60' } });
    expect(await done.json()).toMatchObject({ status: 'succeeded' });
    const video = await fetch(`${api}${location}/videos/0`);
    expect([video.status, video.headers.get('content-type')]).toEqual([200, 'video/mp4']);
    expect((await video.arrayBuffer()).byteLength).toBeGreaterThan(10_000);
  });

  it('answers malformed JSON, 40 MB and other content types with problems, although the framework parses bodies', async () => {
    const api = await deploy('api', 'http');
    const post = async (body: string, contentType = 'application/json'): Promise<unknown[]> => {
      const response = await fetch(`${api}/v1/jobs`, {
        method: 'POST',
        headers: { 'content-type': contentType },
        body,
      });
      return [response.status, response.headers.get('content-type')];
    };
    expect(await post('{"prompt": ')).toEqual([400, 'application/problem+json']);
    expect(await post('{}', 'text/plain')).toEqual([415, 'application/problem+json']);
    expect(await post('prompt=a', 'application/x-www-form-urlencoded')).toEqual([
      415,
      'application/problem+json',
    ]);
    expect(await post('x'.repeat(40_000_000))).toEqual([413, 'application/problem+json']);
  });

  it('keeps a connection that is idle for longer than 5 s, for the next paid POST (nodejs/node#20256)', async () => {
    const [first, paid] = await requestsOnOneConnection(await deploy('api', 'http'));
    expect(first).toMatchObject({ status: 200, isReused: false });
    expect(paid).toEqual({ status: 201, isReused: true, keepAlive: 'timeout=620' });
  });

  it('answers an undecodable path with an error in the form of its API surface, as the local stack does', async () => {
    const get = async (base: string, path: string) => {
      const response = await fetch(`${base}${path}`);
      const body = await response.text();
      expect(body).not.toMatch(/<html|node_modules/i);
      return { status: response.status, type: response.headers.get('content-type'), body: JSON.parse(body) };
    };
    const ours = { status: 400, type: 'application/problem+json', body: { errors: [{ field: 'path' }] } };
    const googles = {
      ...{ status: 400, type: 'application/json; charset=UTF-8' },
      body: { error: { code: 400, status: 'INVALID_ARGUMENT', message: expect.stringContaining('path: ') } },
    };
    for (const base of [await deploy('api', 'http'), stack.endpoints.api]) {
      for (const path of ['/v1/jobs/%E0%A4%A', '/%', '/v1/jobs/a%2/videos/0?x=1'])
        expect(await get(base, path)).toMatchObject(ours);
      for (const path of [
        '/v1beta/files/%E0%A4%A?key=x',
        '/v1beta/models/%E0%A4%A',
        '/v1beta1/projects/%/locations/l/publishers/google/models/m:predict',
      ])
        expect(await get(base, path)).toMatchObject(googles);
      expect(await get(base, '/v1/jobs?pageToken=%E0%A4%A')).toMatchObject({ status: 400 });
    }
  });
});

describe('every deployed function', () => {
  it.each(['submit', 'poll', 'notify', 'batch', 'sweep'])(
    '%s starts and refuses a request without a token',
    async (target) => {
      const response = await fetch(await deploy(target, 'http'), { method: 'POST' });
      expect([response.status, response.headers.get('content-type')]).toEqual([
        401,
        'application/problem+json; charset=utf-8',
      ]);
    },
    60_000,
  );

  it.each(['landed', 'upload'])(
    '%s starts and accepts an event',
    async (target) => {
      const url = await deploy(target, 'cloudevent');
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'ce-id': '1',
          'ce-specversion': '1.0',
          'ce-type': 'google.cloud.storage.object.v1.finalized',
          'ce-source': '//storage.googleapis.com/projects/_/buckets/b',
        },
        body: JSON.stringify({ bucket: 'elsewhere', name: 'a.mp4' }),
      });
      expect(response.status).toBe(204);
    },
    60_000,
  );

  it('does not start without its configuration, and names the missing variable', async () => {
    const { CLAPPER_OUTPUT_BUCKET: _, ...incomplete } = stack.environment;
    await expect(deploy('api', 'http', incomplete)).rejects.toThrow('CLAPPER_OUTPUT_BUCKET');
  });
});
