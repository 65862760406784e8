/** Durability after kill -9, with the server in a separate process. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startStorage } from '../../../infra/storage/server.ts';
import {
  BUCKET,
  clientOf,
  KIB,
  MIB,
  openSession,
  pattern,
  putChunk,
  startLocal,
  VERSIONED,
} from './harness.ts';

let stateDir: string;
let children: ChildProcess[];
let received: string[];
let receiver: http.Server;
let receiverStatus = 204;

beforeEach(async () => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'storage-crash-'));
  children = [];
  received = [];
  receiverStatus = 204;
  receiver = http.createServer((request, response) => {
    request.resume().on('end', () => {
      if (receiverStatus === 204) received.push(String(request.headers['ce-subject']));
      response.writeHead(receiverStatus).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  receiver.close();
  receiver.closeAllConnections();
  rmSync(stateDir, { recursive: true, force: true });
});

const portOf = (server: http.Server): number => z.object({ port: z.number() }).parse(server.address()).port;

async function startChild(): Promise<{
  url: string;
  kill: () => Promise<void>;
}> {
  const child = fork(
    new URL('./child.ts', import.meta.url),
    [stateDir, `http://127.0.0.1:${portOf(receiver)}/upload`],
    {
      execArgv: ['--import', 'tsx'],
    },
  );
  children.push(child);
  const [ready]: unknown[] = await once(child, 'message');
  return {
    url: z.object({ url: z.string() }).parse(ready).url,
    kill: async () => {
      const dead = once(child, 'exit');
      child.kill('SIGKILL');
      await dead;
    },
  };
}

describe('kill -9', () => {
  it('loses no acknowledged object, leaves no partial one, resumes uploads and delivers events', async () => {
    receiverStatus = 503;
    const first = await startChild();
    const bucket = clientOf(first.url).bucket(BUCKET);
    const contents = new Map<string, Buffer>();
    for (let i = 0; i < 8; i++) {
      contents.set(`kept/${i}`, pattern(10_000 * (i + 1), i + 1));
      await bucket.file(`kept/${i}`).save(contents.get(`kept/${i}`) ?? '', { resumable: i % 2 === 0 });
    }
    await bucket.file('kept/0').setMetadata({ metadata: { patched: 'yes' } });
    await bucket.file('kept/1').delete();
    const [before] = await bucket.file('kept/0').getMetadata();

    const whole = pattern(MIB, 99);
    const session = await openSession(first.url, 'resumed');
    await putChunk(session, `bytes 0-${512 * KIB - 1}/*`, whole.subarray(0, 512 * KIB));
    const torn = http.request(`${first.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=torn`, {
      method: 'POST',
      headers: { 'content-length': MIB },
    });
    torn.on('error', () => undefined);
    await new Promise<void>((resolve) => torn.write(whole.subarray(0, 300 * KIB), () => resolve()));
    await first.kill();

    receiverStatus = 204;
    const second = await startChild();
    const survivors = clientOf(second.url).bucket(BUCKET);
    const [listed] = await survivors.getFiles();
    expect(listed.map((file) => file.name)).toEqual([...contents.keys()].filter((name) => name !== 'kept/1'));
    for (const file of listed)
      expect((await file.download())[0].equals(contents.get(file.name) ?? Buffer.alloc(0))).toBe(true);
    const [after] = await survivors.file('kept/0').getMetadata();
    expect(after).toMatchObject({
      generation: before.generation,
      metageneration: '2',
      crc32c: before.crc32c,
      metadata: { patched: 'yes' },
    });

    const moved = session.replace(first.url, second.url);
    const half = await putChunk(moved, `bytes */${MIB}`);
    expect([half.status, half.headers.get('range')]).toEqual([308, `bytes=0-${512 * KIB - 1}`]);
    expect(
      (await putChunk(moved, `bytes ${512 * KIB}-${MIB - 1}/${MIB}`, whole.subarray(512 * KIB))).status,
    ).toBe(200);
    expect((await survivors.file('resumed').download())[0].equals(whole)).toBe(true);
    expect(readdirSync(path.join(stateDir, 'storage', 'blobs'))).toHaveLength(8);

    await expect
      .poll(() => new Set(received))
      .toEqual(new Set([...contents.keys(), 'resumed'].map((name) => `objects/${name}`)));
    expect((await survivors.file('kept/0').getMetadata())[0].generation).toBe(before.generation);
    await survivors.file('kept/0').save('newer', { resumable: false });
    expect(Number((await survivors.file('kept/0').getMetadata())[0].generation)).toBeGreaterThan(
      Number(before.generation),
    );
  });
});

describe('a state folder', () => {
  it('preserves versions, buckets, policies and finished sessions, also after a compaction', async () => {
    const first = await startLocal({ stateDir });
    const versioned = first.storage.bucket(VERSIONED).file('v');
    await versioned.save('one', { resumable: false });
    await versioned.save('two', { resumable: false });
    await first.storage.bucket(BUCKET).setLabels({ team: 'film' });
    const session = await openSession(first.url, 'done');
    const done = await (await putChunk(session, 'bytes 0-2/3', Buffer.from('abc'))).json();
    // The first server is never stopped: nothing may depend on a clean shutdown.
    const second = await startLocal({ stateDir });
    const contents: string[] = [];
    for (const file of (await second.storage.bucket(VERSIONED).getFiles({ versions: true }))[0])
      contents.push(
        (
          await second.storage
            .bucket(VERSIONED)
            .file('v', { generation: Number(file.metadata.generation) })
            .download()
        )[0].toString(),
      );
    expect(contents).toEqual(['one', 'two']);
    expect((await second.storage.bucket(BUCKET).getMetadata())[0].labels).toEqual({ team: 'film' });
    const again = await (await putChunk(session.replace(first.url, second.url), 'bytes */3')).json();
    expect(z.object({ generation: z.string() }).parse(again).generation).toBe(
      z.object({ generation: z.string() }).parse(done).generation,
    );
    expect(second.events).toEqual([]);
    await second.server.stop();
    await first.server.stop();
  });

  it('emits the event that a crash prevented', async () => {
    const first = await startLocal({ stateDir });
    await first.storage.bucket(BUCKET).file('x').save('x', { resumable: false });
    await first.server.stop();
    // Remove the journal's last record (`emitted`), as if the process had died before writing it.
    const file = path.join(stateDir, 'journal.jsonl');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.at(-1)).toContain('emitted');
    writeFileSync(file, `${lines.slice(0, -1).join('\n')}\n`);
    appendFileSync(file, 'torn tai');
    const second = await startLocal({ stateDir });
    expect(second.events.map(({ type, object }) => [type, object.name])).toEqual([['finalized', 'x']]);
    await second.server.stop();
    const third = await startLocal({ stateDir });
    expect(third.events).toEqual([]);
    await third.server.stop();
  });

  it('is a temporary folder, removed by stop, when none is given', async () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = stateDir;
    const server = await startStorage();
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    expect(readdirSync(stateDir)).toHaveLength(1);
    await server.stop();
    expect(readdirSync(stateDir)).toEqual([]);
  });
});
