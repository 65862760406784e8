/** Injected faults, as the client library sees them. */
import { Storage } from '@google-cloud/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BUCKET, codeOf, KIB, type Local, objectUrl, pattern, startLocal } from './harness.ts';

let local: Local;
beforeEach(async () => {
  local = await startLocal();
});
afterEach(async () => {
  await local.server.stop();
  expect(local.bugs).toEqual([]);
});

const file = (name: string) => local.storage.bucket(BUCKET).file(name);

describe('injected faults', () => {
  it('fail the next matching requests and no others', async () => {
    local.server.failNext({ answer: 503, times: 2, method: /POST/, path: /name=x/ });
    local.server.failNext({ answer: 429, path: /\/o\/y/ });
    expect(await codeOf(file('x').save('x', { resumable: false }))).toBe(503);
    await file('y').save('y', { resumable: false });
    expect(await codeOf(file('x').save('x', { resumable: false }))).toBe(503);
    expect(await codeOf(file('y').getMetadata())).toBe(429);
    await file('x').save('x', { resumable: false });
    expect((await file('y').download())[0].toString()).toBe('y');
  });

  it('are survived by a client that retries', async () => {
    const patient = new Storage({
      apiEndpoint: local.url,
      projectId: 'p',
      retryOptions: { maxRetries: 3, maxRetryDelay: 1 },
    });
    local.server.failNext({ answer: 503, method: /GET/ });
    await file('x').save('x', { resumable: false });
    expect((await patient.bucket(BUCKET).file('x').exists())[0]).toBe(true);
  });

  it('lose the response to a write that was executed', async () => {
    local.server.failNext({ answer: 503, when: 'after', method: /POST/ });
    expect(
      await codeOf(file('x').save('x', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } })),
    ).toBe(503);
    expect((await file('x').download())[0].toString()).toBe('x');
    expect(
      await codeOf(file('x').save('x', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } })),
    ).toBe(412);
  });

  it('reset the connection before or after the request is executed', async () => {
    for (const when of ['before', 'after'] as const) {
      local.server.failNext({ answer: 'reset', when, method: /POST/ });
      await expect(file(when).save('x', { resumable: false })).rejects.toThrow();
      expect((await file(when).exists())[0]).toBe(when === 'after');
    }
  });

  it.each([0, 1, 100 * KIB])('interrupt a download after %i bytes', async (afterBytes) => {
    await file('cut').save(pattern(300 * KIB), { resumable: false });
    local.server.cutNextDownload({ afterBytes });
    const reply = await fetch(objectUrl(local.url, 'cut', '?alt=media')).catch(() => undefined);
    let got = 0;
    await expect(
      (async () => {
        if (reply?.body == null) throw new Error('There was no response.');
        for await (const chunk of reply.body) got += chunk.length;
      })(),
    ).rejects.toThrow();
    expect(got).toBeLessThanOrEqual(afterBytes);
    expect((await file('cut').download())[0].length).toBe(300 * KIB);
  });

  it('report a wrong checksum, which the client library detects', async () => {
    await file('sum').save('content', { resumable: false });
    local.server.corruptNextChecksum({ path: /alt=media/ });
    expect(await codeOf(file('sum').download())).toBe('CONTENT_DOWNLOAD_MISMATCH');
    expect((await file('sum').download())[0].toString()).toBe('content');
    const [right] = await file('sum').getMetadata();
    local.server.corruptNextChecksum();
    const [wrong] = await file('sum').getMetadata();
    expect(wrong.crc32c).not.toBe(right.crc32c);
    expect(wrong.md5Hash).not.toBe(right.md5Hash);
  });
});
