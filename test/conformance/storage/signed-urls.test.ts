/** V4 signed URLs, created by the client library from a key file and verified by the server, and CORS of both APIs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GetSignedUrlConfig, Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET, clientOf, KIB, type Local, makeSigner, pattern, putChunk, startLocal } from './harness.ts';

const signer = makeSigner();
const folder = mkdtempSync(path.join(tmpdir(), 'signer-'));
let local: Local;
let storage: Storage;
let offsetMs = 0;

beforeAll(async () => {
  // Application Default Credentials. A deployed function gets them from the metadata server, a local one from this file.
  const keyFile = path.join(folder, 'service-account.json');
  writeFileSync(
    keyFile,
    JSON.stringify({
      type: 'service_account',
      client_email: signer.email,
      private_key: signer.privateKeyPem,
    }),
  );
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = keyFile;
  local = await startLocal({
    signers: { [signer.email]: signer.publicKeyPem },
    now: () => Date.now() + offsetMs,
    buckets: [
      { name: BUCKET },
      {
        name: 'clapper-cors',
        cors: [
          {
            origin: ['https://app.example'],
            method: ['GET', 'PUT'],
            responseHeader: ['Content-Type', 'x-goog-*'],
            maxAgeSeconds: 60,
          },
        ],
      },
    ],
  });
  storage = clientOf(local.url);
});
afterAll(async () => {
  delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
  await local.server.stop();
  rmSync(folder, { recursive: true });
  expect(local.bugs).toEqual([]);
});

const NAME = 'links/vidéo 1+1 (final)*.mp4';
const sign = async (config: Partial<GetSignedUrlConfig> = {}, name = NAME, client = storage) =>
  (
    await client
      .bucket(BUCKET)
      .file(name)
      .getSignedUrl({ version: 'v4', action: 'read', expires: Date.now() + 60_000, ...config })
  )[0];
const refusal = async (reply: Response | Promise<Response>) => {
  const { status, headers, text } = await (async () => {
    const r = await reply;
    return { status: r.status, headers: r.headers, text: await r.text() };
  })();
  expect(headers.get('content-type')).toContain('application/xml');
  return [status, /<Code>(.*)<\/Code>/.exec(text)?.[1]];
};

describe('a V4 signed URL', () => {
  beforeAll(async () => {
    await local.storage
      .bucket(BUCKET)
      .file(NAME)
      .save('0123456789', { resumable: false, contentType: 'video/mp4' });
  });

  it('reads whole objects, ranges, and by HEAD', async () => {
    const url = await sign();
    const whole = await fetch(url);
    expect([whole.status, await whole.text(), whole.headers.get('content-type')]).toEqual([
      200,
      '0123456789',
      'video/mp4',
    ]);
    const part = await fetch(url, { headers: { range: 'bytes=3-5' } });
    expect([part.status, await part.text()]).toEqual([206, '345']);
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10']);
  });

  it('is signed without the port and verifies with or without it', async () => {
    const url = new URL(await sign());
    const get = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        http
          .get(url, { headers: { host } }, (reply) => resolve(reply.resume().statusCode))
          .on('error', reject);
      });
    expect(await get(url.host)).toBe(200);
    expect(await get(url.hostname)).toBe(200);
    expect(await get('elsewhere.example')).toBe(403);
  });

  it('overrides the disposition and the type if it contains them', async () => {
    const reply = await fetch(
      await sign({ promptSaveAs: 'kitten (1).mp4', responseType: 'application/x-save' }),
    );
    expect(reply.headers.get('content-disposition')).toBe('attachment; filename="kitten (1).mp4"');
    expect(reply.headers.get('content-type')).toBe('application/x-save');
  });

  it('writes with the signed type only', async () => {
    const url = await sign(
      {
        action: 'write',
        contentType: 'image/png',
        extensionHeaders: { 'x-goog-meta-job': 'j  1', 'x-goog-if-generation-match': '0' },
      },
      'links/put.png',
    );
    const put = (headers: Record<string, string>) => fetch(url, { method: 'PUT', headers, body: 'pixels' });
    const signed = {
      'content-type': 'image/png',
      'x-goog-meta-job': 'j 1',
      'x-goog-if-generation-match': '0',
    };
    expect(await refusal(put({ ...signed, 'content-type': 'image/gif' }))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ]);
    expect(await refusal(put({ ...signed, 'x-goog-meta-more': '1' }))).toEqual([
      400,
      'MalformedSecurityHeader',
    ]);
    expect(await refusal(put({ 'content-type': 'image/png', 'x-goog-meta-job': 'j 1' }))).toEqual([
      400,
      'MalformedSecurityHeader',
    ]);
    const reply = await put(signed);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-goog-hash')).toMatch(/^crc32c=/);
    const [metadata] = await local.storage.bucket(BUCKET).file('links/put.png').getMetadata();
    expect(metadata).toMatchObject({
      contentType: 'image/png',
      metadata: { job: 'j 1' },
      generation: reply.headers.get('x-goog-generation'),
    });
    expect(await refusal(put(signed))).toEqual([412, 'PreconditionFailed']);
  });

  it('starts a resumable upload, whose session needs no signature', async () => {
    const content = pattern(256 * KIB + 3);
    const url = await sign({ action: 'resumable', contentType: 'video/mp4' }, 'links/resumable.mp4');
    const started = await fetch(url, {
      method: 'POST',
      headers: { 'x-goog-resumable': 'start', 'content-type': 'video/mp4' },
    });
    expect(started.status).toBe(201);
    const session = started.headers.get('location') ?? '';
    expect(
      (await putChunk(session, `bytes 0-${256 * KIB - 1}/*`, content.subarray(0, 256 * KIB))).status,
    ).toBe(308);
    expect(
      (
        await putChunk(
          session,
          `bytes ${256 * KIB}-${content.length - 1}/${content.length}`,
          content.subarray(256 * KIB),
        )
      ).status,
    ).toBe(200);
    expect(
      (await local.storage.bucket(BUCKET).file('links/resumable.mp4').download())[0].equals(content),
    ).toBe(true);
  });

  it('deletes', async () => {
    await local.storage.bucket(BUCKET).file('links/doomed').save('x', { resumable: false });
    expect((await fetch(await sign({ action: 'delete' }, 'links/doomed'), { method: 'DELETE' })).status).toBe(
      204,
    );
    expect(await refusal(fetch(await sign({}, 'links/doomed')))).toEqual([404, 'NoSuchKey']);
  });

  it('is rejected after it has expired and before it is valid', async () => {
    const url = await sign();
    offsetMs = 61_000;
    expect(await refusal(fetch(url))).toEqual([400, 'ExpiredToken']);
    offsetMs = -16 * 60_000;
    expect(await refusal(fetch(url))).toEqual([403, 'AccessDenied']);
    offsetMs = 0;
    expect((await fetch(url)).status).toBe(200);
  });

  it('is rejected after any change', async () => {
    const url = await sign();
    const changed = (change: (link: URL) => void) => {
      const link = new URL(url);
      change(link);
      return refusal(fetch(link));
    };
    expect(await changed((link) => link.searchParams.set('X-Goog-Expires', '604800'))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ]);
    expect(await changed((link) => link.searchParams.set('generation', '1'))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ]);
    expect(await changed((link) => link.searchParams.set('X-Goog-Signature', 'zz'))).toEqual([
      403,
      'SignatureDoesNotMatch',
    ]);
    expect(
      await changed((link) => {
        link.pathname = `/${BUCKET}/links/put.png`;
      }),
    ).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await changed((link) => link.searchParams.set('X-Goog-Expires', '604801'))).toEqual([
      400,
      'AuthenticationQueryParametersError',
    ]);
    expect(await changed((link) => link.searchParams.delete('X-Goog-Date'))).toEqual([
      400,
      'AuthenticationQueryParametersError',
    ]);
    expect(await refusal(fetch(url, { method: 'PUT', body: 'x' }))).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await refusal(fetch(url, { method: 'DELETE' }))).toEqual([403, 'SignatureDoesNotMatch']);
  });

  it('is rejected from an unknown account, with another key, and without a signature', async () => {
    const signedBy = async ({ email, privateKeyPem }: ReturnType<typeof makeSigner>) => {
      const other = clientOf(local.url);
      // Application Default Credentials load this from a key file. The auth library's types make it public.
      other.authClient.jsonContent = {
        type: 'service_account',
        client_email: email,
        private_key: privateKeyPem,
      };
      return sign({}, NAME, other);
    };
    expect((await fetch(await signedBy(signer))).status).toBe(200);
    expect(await refusal(fetch(await signedBy(makeSigner())))).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await refusal(fetch(await signedBy(makeSigner('stranger@example.com'))))).toEqual([
      403,
      'AccessDenied',
    ]);
    expect(await refusal(fetch(`${local.url}/${BUCKET}/anything`))).toEqual([403, 'AccessDenied']);
    expect(await refusal(fetch(`${local.url}/no-such-bucket/anything`))).toEqual([404, 'NoSuchBucket']);
  });
});

describe('cross-origin requests', () => {
  const preflight = (url: string, origin: string, method: string, headers = '') =>
    fetch(url, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        ...(headers === '' ? {} : { 'access-control-request-headers': headers }),
      },
    });

  it('to signed URLs follow the rules of the bucket', async () => {
    const url = `${local.url}/clapper-cors/x`;
    const allowed = await preflight(url, 'https://app.example', 'PUT', 'content-type,x-goog-meta-a');
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-methods': 'GET,PUT',
      'access-control-allow-headers': 'content-type,x-goog-meta-a',
      'access-control-max-age': '60',
    });
    for (const refused of [
      preflight(url, 'https://evil.example', 'GET'),
      preflight(url, 'https://app.example', 'DELETE'),
      preflight(url, 'https://app.example', 'PUT', 'x-other'),
      preflight(`${local.url}/${BUCKET}/x`, 'https://app.example', 'GET'),
    ])
      expect((await refused).headers.get('access-control-allow-origin')).toBeNull();
  });

  it('to the JSON API are always allowed', async () => {
    const reply = await preflight(
      `${local.url}/upload/storage/v1/b/${BUCKET}/o`,
      'https://any.example',
      'PUT',
      'content-range',
    );
    expect(reply.headers.get('access-control-allow-origin')).toBe('https://any.example');
    expect(reply.headers.get('access-control-allow-headers')).toBe('content-range');
  });
});
