/** The input bucket adapter of `upload` against the local Cloud Storage. */
import { gunzipSync } from 'node:zlib';
import { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUploadBucket } from '../../../functions/adapters/upload-bucket.ts';
import type { UploadBucket } from '../../../functions/ports.ts';
import { type StorageServer, startStorage } from '../../../infra/storage/server.ts';

let server: StorageServer;
let storage: Storage;
let uploads: UploadBucket;

beforeAll(async () => {
  server = await startStorage({ buckets: [{ name: 'test-in', versioning: { enabled: true } }] });
  storage = new Storage({ projectId: 'p', apiEndpoint: server.url });
  uploads = createUploadBucket(storage, 'test-in');
});
afterAll(() => server.stop());

async function drop(name: string, text: string): Promise<string> {
  const file = storage.bucket('test-in').file(name);
  await file.save(text, {
    resumable: false,
    contentType: 'text/plain',
    metadata: { metadata: { who: 'me' } },
  });
  return (await uploads.head(name))?.generation ?? '';
}

describe('an uploaded object', () => {
  it('is found by name, and by generation after it was replaced', async () => {
    const first = await drop('a.txt', 'first');
    const second = await drop('a.txt', 'second!');
    expect(await uploads.head('a.txt')).toMatchObject({ generation: second, bytes: 7 });
    expect(await uploads.head('a.txt', first)).toEqual({
      ...{ name: 'a.txt', generation: first, bytes: 5 },
      ...{ contentType: 'text/plain', metadata: { who: 'me' } },
    });
    expect(Buffer.from((await uploads.read('a.txt', first)) ?? []).toString()).toBe('first');
    expect([await uploads.head('a.txt', '1'), await uploads.read('a.txt', '1')]).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe('a gzipped object', () => {
  it('is read as stored, so that the caller can limit what it expands to', async () => {
    const file = storage.bucket('test-in').file('a.json');
    await file.save('{"prompt": "a"}', { resumable: false, gzip: true });
    const { generation = '' } = (await uploads.head('a.json')) ?? {};
    const stored = await uploads.read('a.json', generation);
    expect(gunzipSync(stored ?? Buffer.alloc(0)).toString()).toBe('{"prompt": "a"}');
  });
});

describe('an error file', () => {
  const write = (text: string, over: string) =>
    uploads.write('e.json', 'application/json', Buffer.from(text), over);

  it('replaces only the generation that was read', async () => {
    expect(await write('1', '0')).toBe(true);
    expect(await write('2', '0')).toBe(false);
    expect(await write('3', (await uploads.head('e.json'))?.generation ?? '')).toBe(true);
  });

  it('is deleted only if it is still the generation that was read, and kept as a noncurrent version', async () => {
    const seen = (await uploads.head('e.json'))?.generation ?? '';
    await uploads.remove('e.json', '1');
    expect((await uploads.head('e.json'))?.generation).toBe(seen);
    await uploads.remove('e.json', seen);
    await uploads.remove('e.json', seen);
    expect(await uploads.head('e.json')).toBeUndefined();
    expect(await uploads.head('e.json', seen)).toMatchObject({ generation: seen });
  });
});
