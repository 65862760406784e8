/** The bucket adapters against the local Cloud Storage, with injected faults. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createInputStore, createResultStore } from '../../../functions/adapters/cloud-storage.ts';
import { createKeySigner } from '../../../functions/adapters/key-signer.ts';
import { type InputStore, ObjectMissingError, type ResultStore } from '../../../functions/ports.ts';
import { loadIdentity } from '../../../infra/shared/identity.ts';
import { type StorageServer, startStorage } from '../../../infra/storage/server.ts';
import { temporaryDir } from '../../support/temporary-dir.ts';

const identity = loadIdentity(temporaryDir());
let server: StorageServer;
let raw: Storage;
let results: ResultStore;
let inputs: InputStore & { readonly read: (gcsUri: string) => Promise<Uint8Array> };

beforeAll(async () => {
  server = await startStorage({
    buckets: [{ name: 'test-in', versioning: { enabled: true } }, { name: 'test-out' }],
    signers: { [identity.serviceAccountEmail]: identity.publicKeyPem },
  });
  const options = { projectId: 'p', apiEndpoint: server.url };
  const storage = new Storage(options);
  raw = storage;
  const key = { client_email: identity.serviceAccountEmail, private_key: identity.privateKeyPem };
  const signing = new Storage({ ...options, authClient: createKeySigner(JSON.stringify(key)) });
  results = createResultStore(storage, signing, 'test-out');
  inputs = createInputStore(storage, signing, 'test-in');
});
afterAll(() => server.stop());

const body = (...parts: string[]): Readable => Readable.from(parts.map((part) => Buffer.from(part)));
const write = (name: string, text: string): Promise<void> => results.writeOnce(name, 'video/mp4', body(text));

describe('the output bucket', () => {
  it('lists the objects under a prefix, in order, with size, checksum and type', async () => {
    await write('list/b/sample_1.mp4', 'one');
    await write('list/a/sample_0.mp4', 'zero');
    await write('listing', 'not this');
    const objects = await results.list('list/');
    expect(objects).toMatchObject([
      {
        name: 'list/a/sample_0.mp4',
        uri: 'gs://test-out/list/a/sample_0.mp4',
        bytes: 4,
        contentType: 'video/mp4',
      },
      { name: 'list/b/sample_1.mp4', bytes: 3 },
    ]);
    expect(objects[0]?.generation).toMatch(/^\d+$/);
    expect(objects[0]?.crc32c).toMatch(/^[\w+/]{6}==$/);
    expect(await results.list('nothing/')).toEqual([]);
  });

  it('lists objects over more than one page', async () => {
    await Promise.all(Array.from({ length: 30 }, (_, n) => write(`many/${n}`, 'x')));
    expect(await results.list('many/')).toHaveLength(30);
  });

  it('reads a range, and truncates one that extends beyond the end', async () => {
    await write('range', '0123456789');
    const read = async (start: number, end: number): Promise<string> =>
      Buffer.from(await results.readRange('range', start, end)).toString();
    expect(await read(2, 4)).toBe('234');
    expect(await read(8, 100)).toBe('89');
  });

  it('keeps the first of two writes and treats the second as done', async () => {
    await Promise.all([write('race', 'first'), write('race', 'other')]);
    const [before] = await results.list('race');
    await write('race', 'a third');
    expect(await results.list('race')).toEqual([before]);
  });

  it('stores no object when the body is interrupted', async () => {
    const torn = new Readable({
      read() {
        this.push(Buffer.from('half'));
        this.destroy(new Error('the connection broke'));
      },
    });
    await expect(results.writeOnce('torn', 'video/mp4', torn)).rejects.toThrow('the connection broke');
    expect(await results.list('torn')).toEqual([]);
  });

  it('throws when the bucket returns 503, and succeeds afterwards', async () => {
    server.failNext({ method: /POST/, path: /unsteady/, answer: 503 });
    await expect(write('unsteady', 'x')).rejects.toThrow();
    expect(await results.list('unsteady')).toEqual([]);
    await write('unsteady', 'x');
    expect(await results.list('unsteady')).toHaveLength(1);
  });

  it('removes a stored object that differs from what was sent, and reports it', async () => {
    server.corruptNextChecksum({ method: /GET/, path: /damaged/ });
    await expect(write('damaged', 'x')).rejects.toThrow('CRC-32C');
    const [aside, ...none] = (await results.list('damaged')).map(({ name }) => name);
    expect(aside).toMatch(/^damaged\.damaged-\d+$/);
    expect(none).toEqual([]);
    await write('damaged', 'x');
    expect((await results.list('damaged')).map(({ name }) => name)).toEqual(['damaged', aside]);
  });

  it('reads a body no faster than the bucket accepts it, and finally all of it', async () => {
    const chunks = 64;
    let given = 0;
    let arrived = 0;
    let opened: IncomingMessage | undefined;
    const slow = createServer((request, response) => {
      opened = request;
      request.on('data', (chunk: Buffer) => {
        arrived += chunk.length;
      });
      request.pause().on('end', () => response.writeHead(412).end());
    }).listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const { port } = z.object({ port: z.number() }).parse(slow.address());
    const storage = new Storage({ projectId: 'p', apiEndpoint: `http://127.0.0.1:${port}` });
    function* large(): Generator<Buffer> {
      for (; given < chunks; given++) yield Buffer.alloc(1024 * 1024, 7);
    }
    const body = Readable.from(large());
    const writing = createResultStore(storage, storage, 'b').writeOnce('large', 'video/mp4', body);
    // Sockets buffer some bytes. When they are full, no more of the body is read.
    for (let before = -1; before < given || !opened; await sleep(200)) before = given;
    expect(given).toBeLessThan(chunks / 2);
    opened.resume();
    await writing;
    slow.close();
    expect(arrived).toBeGreaterThanOrEqual(chunks * 1024 * 1024);
  });

  it('signs URLs that work without credentials, also for ranges, until they expire', async () => {
    await write('signed/video.mp4', '0123456789');
    const [object] = await results.list('signed/');
    if (!object) throw new Error('No object was written.');
    const url = await results.signedReadUrl({ ...object }, 60_000);
    const whole = await fetch(url);
    expect([whole.status, await whole.text(), whole.headers.get('content-type')]).toEqual([
      200,
      '0123456789',
      'video/mp4',
    ]);
    const range = await fetch(url, { headers: { range: 'bytes=0-3' } });
    expect([range.status, await range.text()]).toEqual([206, '0123']);
    const tampered = await fetch(url.replace('video.mp4', 'other.mp4'));
    expect(tampered.status).toBe(403);
  });
});

describe('the input bucket', () => {
  it('stores an image once and reads it back', async () => {
    expect(await inputs.putOnce('jobs/j/image.png', 'image/png', Buffer.from('a picture'))).toBe(
      'gs://test-in/jobs/j/image.png',
    );
    expect(await inputs.putOnce('jobs/j/image.png', 'image/png', Buffer.from('another'))).toBe(
      'gs://test-in/jobs/j/image.png',
    );
    expect(Buffer.from(await inputs.read('gs://test-in/jobs/j/image.png')).toString()).toBe('a picture');
  });

  it('reads the requested generation unchanged, or reports that it does not exist', async () => {
    await inputs.writeOnce('manifest', 'text/plain', body('0123', '456789'));
    const found = await inputs.head('gs://test-in/manifest');
    expect(found).toMatchObject({ bytes: 10 });
    const read = (generation: string) => inputs.readRange('gs://test-in/manifest', 8, 20, generation);
    expect(Buffer.from(await read(found?.generation ?? '')).toString()).toBe('89');
    await expect(read('1')).rejects.toThrow(ObjectMissingError);
  });

  it('copies the requested generation once, even if it was replaced, or reports that it does not exist', async () => {
    const uri = 'gs://test-in/uploads/cam.png';
    const generations: string[] = [];
    for (const text of ['first', 'second!']) {
      await raw
        .bucket('test-in')
        .file('uploads/cam.png')
        .save(text, { resumable: false, contentType: 'image/png' });
      generations.push((await inputs.head(uri))?.generation ?? '');
    }
    const [first = '', second = ''] = generations;
    expect(await inputs.head(uri, first)).toMatchObject({ bytes: 5, generation: first });
    const copy = (generation: string) => inputs.copyOnce(uri, generation, 'jobs/j/image-first.png');
    expect(await Promise.all([copy(first), copy(first)])).toEqual(
      Array.from({ length: 2 }, () => 'gs://test-in/jobs/j/image-first.png'),
    );
    await copy(second);
    expect(Buffer.from(await inputs.read('gs://test-in/jobs/j/image-first.png')).toString()).toBe('first');
    expect(await inputs.head('gs://test-in/jobs/j/image-first.png')).toMatchObject({
      contentType: 'image/png',
    });
    await expect(inputs.copyOnce(uri, '1', 'jobs/j/image-1.png')).rejects.toThrow(ObjectMissingError);
    expect(await inputs.head(uri, '1')).toBeUndefined();
  });

  it('rejects a missing object and a malformed name', async () => {
    await expect(inputs.read('gs://test-in/nothing')).rejects.toThrow();
    await expect(inputs.read('https://in/nothing')).rejects.toThrow('gs://bucket/name');
  });
});

describe('a copy of a landed video', () => {
  const video = async (name: string) => {
    const [object] = await results.list(name);
    if (!object) throw new Error(`${name} does not exist.`);
    return object;
  };

  it('is created in another bucket, and only once', async () => {
    await write('landed/a.mp4', 'a video');
    const landed = await video('landed/a.mp4');
    await results.copyTo(landed, 'gs://test-in/delivered/a.mp4');
    await results.copyTo(landed, 'gs://test-in/delivered/a.mp4');
    expect(Buffer.from(await inputs.read('gs://test-in/delivered/a.mp4')).toString()).toBe('a video');
    expect(await inputs.head('gs://test-in/delivered/a.mp4')).toMatchObject({ contentType: 'video/mp4' });
  });

  it('does not replace an existing object, and reports it', async () => {
    await write('landed/b.mp4', 'a video');
    await write('taken.mp4', 'another');
    await expect(results.copyTo(await video('landed/b.mp4'), 'gs://test-out/taken.mp4')).rejects.toThrow(
      'already exists and differs',
    );
    expect(Buffer.from(await results.readRange('taken.mp4', 0, 99)).toString()).toBe('another');
  });

  it('into a missing bucket fails', async () => {
    await write('landed/c.mp4', 'a video');
    await expect(results.copyTo(await video('landed/c.mp4'), 'gs://nowhere/c.mp4')).rejects.toThrow();
  });
});

describe('a signed URL for a reader that sends x-goog- headers', () => {
  it('works with these headers, also for ranges, and not with others', async () => {
    await write('linked.mp4', '0123456789');
    const [object] = await results.list('linked.mp4');
    if (!object) throw new Error('There is no object.');
    const url = await results.signedReadUrl(object, 60_000, { headers: { 'x-goog-api-key': 'ann' } });
    expect(url).not.toContain('ann');
    const get = (headers: Record<string, string>): Promise<Response> => fetch(url, { headers });
    const part = await get({ 'x-goog-api-key': 'ann', range: 'bytes=2-4' });
    expect(part.status).toBe(206);
    expect(await part.text()).toBe('234');
    expect((await get({ 'x-goog-api-key': 'bob' })).status).toBe(403);
  });
});
