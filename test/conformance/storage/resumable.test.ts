/** Resumable and interrupted uploads over raw HTTP. */
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BUCKET,
  KIB,
  type Local,
  MIB,
  objectUrl,
  openSession,
  pattern,
  putChunk,
  startLocal,
} from './harness.ts';

let local: Local;
let nowMs = Date.parse('2026-01-01T00:00:00Z');
beforeAll(async () => {
  local = await startLocal({ now: () => nowMs });
});
afterAll(async () => {
  await local.server.stop();
  expect(local.bugs).toEqual([]);
});

const CHUNK = 256 * KIB;
const status = async (reply: Promise<Response>) => {
  const { status: code, headers } = await reply;
  return [code, headers.get('range')];
};
const content = async (name: string) =>
  Buffer.from(await (await fetch(objectUrl(local.url, name, '?alt=media'))).arrayBuffer());
const exists = async (name: string) => (await fetch(objectUrl(local.url, name))).status === 200;

/** Sends headers and a part of the body, then closes the connection after the server has read them. */
function tear(
  url: string,
  method: string,
  headers: Record<string, string | number>,
  bytes: Buffer,
): Promise<void> {
  return new Promise((resolve) => {
    const request = http.request(url, { method, headers });
    request.on('error', () => undefined);
    request.on('close', resolve);
    request.write(bytes, () => request.destroy());
  });
}

describe('a resumable session', () => {
  it('accepts chunks of 256 KiB, reports its progress, and shows the object only when complete', async () => {
    const whole = pattern(2 * CHUNK + 100);
    const session = await openSession(local.url, 'chunks');
    expect(await status(putChunk(session, 'bytes */*'))).toEqual([308, null]);
    expect(await status(putChunk(session, `bytes 0-${CHUNK - 1}/*`, whole.subarray(0, CHUNK)))).toEqual([
      308,
      `bytes=0-${CHUNK - 1}`,
    ]);
    expect(await status(putChunk(session, `bytes */${whole.length}`))).toEqual([308, `bytes=0-${CHUNK - 1}`]);
    expect(await exists('chunks')).toBe(false);
    expect(
      await status(
        putChunk(
          session,
          `bytes ${CHUNK}-${2 * CHUNK - 1}/${whole.length}`,
          whole.subarray(CHUNK, 2 * CHUNK),
        ),
      ),
    ).toEqual([308, `bytes=0-${2 * CHUNK - 1}`]);
    const last = await putChunk(
      session,
      `bytes ${2 * CHUNK}-${whole.length - 1}/${whole.length}`,
      whole.subarray(2 * CHUNK),
    );
    expect(await last.json()).toMatchObject({ name: 'chunks', size: String(whole.length) });
    expect((await content('chunks')).equals(whole)).toBe(true);
  });

  it('returns the object for every query after the upload has finished', async () => {
    const session = await openSession(local.url, 'finished');
    const first = await (await putChunk(session, 'bytes 0-2/3', Buffer.from('abc'))).json();
    expect(await (await putChunk(session, 'bytes */3')).json()).toEqual(first);
    expect(await (await putChunk(session, 'bytes 0-2/3', Buffer.from('abc'))).json()).toEqual(first);
    expect(local.events.filter((event) => event.object.name === 'finished')).toHaveLength(1);
  });

  it('keeps only whole granules of a chunk that is not a multiple of 256 KiB', async () => {
    const whole = pattern(CHUNK + 10);
    const session = await openSession(local.url, 'odd');
    expect(await status(putChunk(session, `bytes 0-${CHUNK + 4}/*`, whole.subarray(0, CHUNK + 5)))).toEqual([
      308,
      `bytes=0-${CHUNK - 1}`,
    ]);
    await putChunk(session, `bytes ${CHUNK}-${CHUNK + 9}/${CHUNK + 10}`, whole.subarray(CHUNK));
    expect((await content('odd')).equals(whole)).toBe(true);
  });

  it('ignores bytes that it already has, and stores none after a gap', async () => {
    const whole = pattern(2 * CHUNK);
    const session = await openSession(local.url, 'overlap');
    expect(
      await status(putChunk(session, `bytes ${CHUNK}-${2 * CHUNK - 1}/*`, whole.subarray(CHUNK))),
    ).toEqual([308, null]);
    await putChunk(session, `bytes 0-${CHUNK - 1}/*`, whole.subarray(0, CHUNK));
    expect((await putChunk(session, `bytes 0-${2 * CHUNK - 1}/${2 * CHUNK}`, whole)).status).toBe(200);
    expect((await content('overlap')).equals(whole)).toBe(true);
  });

  it('rejects lengths that contradict the range, and can continue afterwards', async () => {
    const session = await openSession(local.url, 'lengths', { headers: { 'x-upload-content-length': '6' } });
    const wrong = await putChunk(session, 'bytes 0-9/*', Buffer.from('abc'));
    expect(wrong.status).toBe(400);
    expect(await wrong.text()).toContain(
      'There were 3 byte(s) in the request body.  There should have been 10 byte(s)',
    );
    expect((await putChunk(session, 'bytes 0-2/7', Buffer.from('abc'))).status).toBe(400);
    expect((await putChunk(session, 'bytes 0-8/6', Buffer.from('abcdefghi'))).status).toBe(400);
    expect((await putChunk(session, 'bytes nonsense', Buffer.from('abc'))).status).toBe(400);
    expect(await status(putChunk(session, 'bytes */*'))).toEqual([308, null]);
    expect((await putChunk(session, 'bytes 0-*/*', Buffer.from('abcdef'))).status).toBe(200);
  });

  it('resumes after a broken connection after the whole granules that arrived', async () => {
    const whole = pattern(MIB);
    const session = await openSession(local.url, 'broken');
    await tear(
      session,
      'PUT',
      { 'content-range': `bytes 0-${MIB - 1}/${MIB}`, 'content-length': MIB },
      whole.subarray(0, 3 * CHUNK + 1000),
    );
    const [code, range] = await status(putChunk(session, `bytes */${MIB}`));
    expect(code).toBe(308);
    const from = range === null ? 0 : Number(String(range).split('-')[1]) + 1;
    expect(from % CHUNK).toBe(0);
    expect(from).toBeLessThanOrEqual(3 * CHUNK);
    expect(await exists('broken')).toBe(false);
    const rest = await putChunk(session, `bytes ${from}-${MIB - 1}/${MIB}`, whole.subarray(from));
    expect(rest.status).toBe(200);
    expect((await content('broken')).equals(whole)).toBe(true);
  });

  it('lets a new request replace one that hangs', async () => {
    const session = await openSession(local.url, 'hanging');
    const hanging = http.request(session, {
      method: 'PUT',
      // The server sends 100 Continue, so the test knows that this request is the first.
      headers: { 'content-range': 'bytes 0-9/10', 'content-length': 10, expect: '100-continue' },
    });
    const ended = new Promise((resolve) => hanging.on('error', resolve));
    await new Promise<void>((resolve) => {
      hanging.on('continue', resolve);
      hanging.flushHeaders();
    });
    hanging.write('01234');
    expect((await putChunk(session, 'bytes 0-9/10', Buffer.from('0123456789'))).status).toBe(200);
    hanging.destroy();
    await ended;
    expect((await content('hanging')).toString()).toBe('0123456789');
  });

  it('creates one object when it is finished by many concurrent requests', async () => {
    const session = await openSession(local.url, 'end-race');
    await putChunk(session, `bytes 0-${CHUNK - 1}/*`, pattern(CHUNK));
    const replies = await Promise.all(Array.from({ length: 5 }, () => putChunk(session, `bytes */${CHUNK}`)));
    const generations = await Promise.all(
      replies.map(async (reply) => JSON.parse(await reply.text()).generation),
    );
    expect(new Set(generations).size).toBe(1);
    expect(local.events.filter((event) => event.object.name === 'end-race')).toHaveLength(1);
  });

  it('is cancelled by DELETE with 499', async () => {
    const session = await openSession(local.url, 'cancelled');
    await putChunk(session, `bytes 0-${CHUNK - 1}/*`, pattern(CHUNK));
    expect((await fetch(session, { method: 'DELETE' })).status).toBe(499);
    expect((await putChunk(session, 'bytes */*')).status).toBe(404);
    expect(await exists('cancelled')).toBe(false);
  });

  it('returns 410 after one week', async () => {
    const session = await openSession(local.url, 'old');
    nowMs += 7 * 24 * 3600 * 1000 + 1;
    expect((await putChunk(session, 'bytes */*')).status).toBe(410);
    expect((await putChunk(session, 'bytes */*')).status).toBe(404);
  });

  it('checks its preconditions again at the end', async () => {
    const session = await openSession(local.url, 'contested', { query: '&ifGenerationMatch=0' });
    await fetch(`${local.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=contested`, {
      method: 'POST',
      body: 'first',
    });
    expect((await putChunk(session, 'bytes 0-5/6', Buffer.from('second'))).status).toBe(412);
    expect((await content('contested')).toString()).toBe('first');
    await expect(openSession(local.url, 'contested', { query: '&ifGenerationMatch=0' })).rejects.toThrow(
      '412',
    );
  });

  it('rejects content that does not match x-goog-hash', async () => {
    const session = await openSession(local.url, 'bad-hash');
    const reply = await putChunk(session, 'bytes 0-2/3', Buffer.from('abc'), {
      'x-goog-hash': 'crc32c=AAAAAA==',
    });
    expect(reply.status).toBe(400);
    expect(await exists('bad-hash')).toBe(false);
  });

  it('keeps the type and the metadata of its start request', async () => {
    const reply = await fetch(`${local.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=resumable`, {
      method: 'POST',
      headers: { 'x-upload-content-type': 'video/mp4' },
      body: JSON.stringify({ name: 'typed', metadata: { k: 'v' } }),
    });
    const done = await putChunk(reply.headers.get('location') ?? '', 'bytes 0-0/1', Buffer.from('x'));
    expect(await done.json()).toMatchObject({
      name: 'typed',
      contentType: 'video/mp4',
      metadata: { k: 'v' },
    });
  });
});

describe('an interrupted upload in one request', () => {
  it.each([
    ['media', 'text/plain', ''],
    ['multipart', 'multipart/related; boundary=b', '--b\r\n\r\n{}\r\n--b\r\n\r\n'],
  ])('of type %s leaves no object', async (uploadType, type, head) => {
    const url = `${local.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=${uploadType}&name=torn`;
    await tear(
      url,
      'POST',
      { 'content-type': type, 'content-length': MIB },
      Buffer.concat([Buffer.from(head), pattern(CHUNK)]),
    );
    expect(await exists('torn')).toBe(false);
    expect(local.events.filter((event) => event.object.name === 'torn')).toEqual([]);
  });
});
