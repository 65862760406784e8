/** The unmodified client library against the local Cloud Storage: uploads, downloads, metadata. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET, codeOf, KIB, type Local, MIB, objectUrl, pattern, startLocal } from './harness.ts';

let local: Local;
beforeAll(async () => {
  local = await startLocal();
});
afterAll(async () => {
  await local.server.stop();
  expect(local.bugs).toEqual([]);
});

const bucket = () => local.storage.bucket(BUCKET);
const file = (name: string) => local.storage.bucket(BUCKET).file(name);
const put = (name: string, content: string | Buffer) => file(name).save(content, { resumable: false });
const read = async (name: string) => (await file(name).download())[0].toString();

describe('uploads and downloads', () => {
  it.each([
    ['multipart', { resumable: false }],
    ['resumable in one request', { resumable: true }],
    ['resumable in chunks', { resumable: true, chunkSize: 256 * KIB }],
  ])('round-trip 1 MiB + 17 bytes, %s, with checksums validated in both directions', async (how, options) => {
    const content = pattern(MIB + 17);
    const target = file(`round/${how}`);
    await target.save(content, {
      ...options,
      validation: 'crc32c',
      contentType: 'video/mp4',
      metadata: { metadata: { job: 'j1' } },
    });
    const [metadata] = await target.getMetadata();
    expect(metadata).toMatchObject({
      size: String(content.length),
      contentType: 'video/mp4',
      metadata: { job: 'j1' },
      metageneration: '1',
    });
    expect((await target.download({ validation: 'md5' }))[0].equals(content)).toBe(true);
  });

  it('support an empty object, in one request and resumable', async () => {
    await put('empty/simple', '');
    await file('empty/resumable').save('', { resumable: true });
    expect(await read('empty/simple')).toBe('');
    expect((await file('empty/resumable').getMetadata())[0].size).toBe('0');
  });

  it('support uploadType=media', async () => {
    const reply = await fetch(
      `${local.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=media%2Fx`,
      {
        method: 'POST',
        headers: { 'content-type': 'text/x-raw' },
        body: 'raw',
      },
    );
    expect(await reply.json()).toMatchObject({ name: 'media/x', contentType: 'text/x-raw', size: '3' });
    expect(await read('media/x')).toBe('raw');
  });

  it('support names with slashes, spaces, percent signs, dots and non-ASCII characters', async () => {
    const names = ['n/ü ö/日本.mp4', 'n/100% + &?#.txt', 'n/a/../b', 'n/\u{1f3ac}'];
    for (const name of names) await put(name, name);
    for (const name of names) expect(await read(name)).toBe(name);
    const [listed] = await bucket().getFiles({ prefix: 'n/' });
    expect(listed.map((f) => f.name).sort()).toEqual([...names].sort());
  });

  it('reject content that does not match its checksum, and store nothing', async () => {
    const refused = await codeOf(
      file('bad/sum').save('abc', { resumable: false, metadata: { crc32c: 'AAAAAA==' } }),
    );
    expect(refused).toBe(400);
    const reply = await fetch(
      `${local.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=bad%2Fmd5`,
      {
        method: 'POST',
        headers: { 'x-goog-hash': 'md5=AAAAAAAAAAAAAAAAAAAAAA==' },
        body: 'abc',
      },
    );
    expect(reply.status).toBe(400);
    expect(await reply.text()).toContain("doesn't match calculated MD5 hash");
    expect((await bucket().getFiles({ prefix: 'bad/' }))[0]).toEqual([]);
  });

  it.each([
    ['CRLF', '\r\n', ''],
    ['CRLF, after a preamble', '\r\n', 'preamble\r\n'],
    ['LF, as gcloud sends them', '\n', ''],
    ['LF, after an empty line', '\n', '\n'],
  ])('accept multipart bodies whose lines end with %s', async (_, end, before) => {
    // The media itself has line ends of both kinds, lines that are like delimiters, and half a line end at its end.
    const media = `a\r\n\r\nb\n--x\n -b ${end === '\n' ? '' : '\n--b'}c\r`;
    const lines = [
      ...['--b', 'Content-Type: application/json', 'MIME-Version: 1.0', '', '{"metadata":{"who":"me"}}'],
      ...['--b', 'Content-Type: text/x-lines', '', media, '--b--', ''],
    ];
    const url = `${local.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=multipart&name=lines`;
    const headers = { 'content-type': "multipart/related; boundary='b'" };
    const response = await fetch(url, { method: 'POST', headers, body: `${before}${lines.join(end)}` });
    expect(await response.json()).toMatchObject({ contentType: 'text/x-lines', metadata: { who: 'me' } });
    expect((await file('lines').download())[0].toString()).toBe(media);
  });

  it('reject a multipart body without its closing boundary', async () => {
    const send = (body: string) =>
      fetch(`${local.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=multipart&name=torn-multipart`, {
        method: 'POST',
        headers: { 'content-type': 'multipart/related; boundary="x y"' },
        body,
      });
    const whole =
      '--x y\r\n\r\n{"metadata":{"a":"b"}}\r\n--x y\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x y--';
    expect((await send(whole.slice(0, -7))).status).toBe(400);
    expect((await file('torn-multipart').exists())[0]).toBe(false);
    expect(await (await send(whole)).json()).toMatchObject({
      size: '5',
      contentType: 'text/plain',
      metadata: { a: 'b' },
    });
  });

  it.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, 'Request range not satisfiable', 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
  ])('respond to Range: %s with %i', async (range, status, body, contentRange) => {
    await put('range', '0123456789');
    const reply = await fetch(objectUrl(local.url, 'range', '?alt=media'), { headers: { range } });
    expect([reply.status, await reply.text(), reply.headers.get('content-range')]).toEqual([
      status,
      body,
      contentRange,
    ]);
  });

  it('stream a range and the tail to the client library', async () => {
    await put('range', '0123456789');
    const part = async (options: { start?: number; end?: number }) =>
      (await file('range').download(options))[0].toString();
    expect(await part({ start: 2, end: 5 })).toBe('2345');
    expect(await part({ start: 6 })).toBe('6789');
    expect(await part({ end: -2 })).toBe('89');
  });

  it('report metadata in the headers of a download, and to HEAD without a body', async () => {
    await file('head').save('head', {
      resumable: false,
      metadata: { cacheControl: 'no-store', metadata: { Job: 'ünï' } },
    });
    for (const path of ['/storage/v1', '/download/storage/v1']) {
      const reply = await fetch(`${local.url}${path}/b/${BUCKET}/o/head?alt=media`, { method: 'HEAD' });
      expect(reply.status).toBe(200);
      expect(Object.fromEntries(reply.headers)).toMatchObject({
        'content-length': '4',
        'cache-control': 'no-store',
        'x-goog-metageneration': '1',
        'x-goog-stored-content-length': '4',
        'x-goog-meta-job': '%C3%BCn%C3%AF',
        'x-goog-hash': expect.stringMatching(/^crc32c=.{8},md5=.{24}$/),
        etag: expect.stringMatching(/^C/),
      });
    }
  });

  it('send gzip to clients that accept it and decompress it for the others', async () => {
    const zipped = gzipSync('plain text');
    await file('zip').save(zipped, { resumable: false, metadata: { contentEncoding: 'gzip' } });
    expect((await file('zip').download())[0].toString()).toBe('plain text');
    const raw = await fetch(objectUrl(local.url, 'zip', '?alt=media'), {
      headers: { 'accept-encoding': 'identity' },
    });
    expect(raw.headers.get('content-encoding')).toBeNull();
    expect(raw.headers.get('warning')).toContain('gunzipped');
    expect(await raw.text()).toBe('plain text');
  });

  it('return 404 for missing objects, as JSON, or as text for media', async () => {
    expect(await codeOf(file('missing').getMetadata())).toBe(404);
    expect(await codeOf(file('missing').download())).toBe(404);
    expect(
      await codeOf(local.storage.bucket('no-such-bucket').file('x').save('x', { resumable: false })),
    ).toBe(404);
    expect(await (await fetch(objectUrl(local.url, 'missing', '?alt=media'))).text()).toBe(
      `No such object: ${BUCKET}/missing`,
    );
    expect(await (await fetch(objectUrl(local.url, 'missing'))).json()).toMatchObject({
      error: { code: 404, errors: [{ reason: 'notFound', domain: 'global' }] },
    });
  });

  it.each([[''], ['.'], ['..'], ['a\nb'], ['x'.repeat(1025)]])('reject the object name %j', async (name) => {
    const query = new URLSearchParams({ uploadType: 'media', name });
    const reply = await fetch(`${local.url}/upload/storage/v1/b/${BUCKET}/o?${query}`, {
      method: 'POST',
      body: 'x',
    });
    expect(reply.status).toBe(400);
  });
});

describe('metadata', () => {
  it('is patched by key, deleted by null, and increments the metageneration', async () => {
    await file('meta').save('x', {
      resumable: false,
      metadata: { cacheControl: 'no-cache', metadata: { a: '1', b: '2' } },
    });
    await file('meta').setMetadata({
      contentType: 'image/png',
      metadata: { a: null, c: '3' },
    });
    await fetch(objectUrl(local.url, 'meta'), { method: 'PATCH', body: '{"cacheControl":null}' });
    const [metadata] = await file('meta').getMetadata();
    expect(metadata).toMatchObject({
      contentType: 'image/png',
      metadata: { b: '2', c: '3' },
      metageneration: '3',
    });
    expect(metadata.cacheControl).toBeUndefined();
  });

  it('is replaced by PUT', async () => {
    await file('meta').save('x', { resumable: false, metadata: { metadata: { a: '1' } } });
    const reply = await fetch(objectUrl(local.url, 'meta'), {
      method: 'PUT',
      body: '{"contentType":"text/css"}',
    });
    const resource = await reply.json();
    expect(resource).toMatchObject({ contentType: 'text/css' });
    expect(resource).not.toHaveProperty('metadata');
  });

  it('rejects a body that is not JSON or has wrong types', async () => {
    for (const body of ['{', '{"contentType":7}', '{"metadata":{"a":1}}', '{"customTime":"noon"}'])
      expect((await fetch(objectUrl(local.url, 'meta'), { method: 'PATCH', body })).status).toBe(400);
  });

  it('returns only the requested fields', async () => {
    await put('meta', 'x');
    expect(await (await fetch(objectUrl(local.url, 'meta', '?fields=name,size'))).json()).toEqual({
      name: 'meta',
      size: '1',
    });
  });
});
