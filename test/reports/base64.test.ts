/** One decoder for base64 on all surfaces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64 } from '../../functions/core/media/base64.ts';
import type { ImageCall, ImagePassThrough } from '../../functions/ports.ts';
import { googleClient, googleWorld, mp4, VERTEX } from '../support/google.ts';
import { JPEG } from '../support/images.ts';
import { sendImage, WAYS } from '../support/report-files.ts';

const standard = JPEG.toString('base64');
const INLINE = WAYS.filter((way) => way !== 'own API, gs://');

describe.each(INLINE)('base64 sent by the %s', (way) => {
  it('is decoded in either alphabet, without padding, and in lines (googleapis/google-api-ruby-client#85)', async () => {
    for (const base64 of [
      standard,
      JPEG.toString('base64url'),
      standard.replace(/=+$/, ''),
      standard.replace(/.{76}/g, '$&\r\n'),
      `\n ${standard}\n`,
    ]) {
      const { job, image } = await sendImage(way, { bytes: JPEG, base64 });
      expect(job?.request.image?.mimeType).toBe('image/jpeg');
      expect(Buffer.from(image ?? [])).toEqual(JPEG);
    }
  });

  it('is refused with the prefix of a data: URI, and told to leave the prefix out (Imgur/mandible#68)', async () => {
    const { status, text, job } = await sendImage(way, {
      bytes: JPEG,
      base64: `data:image/jpeg;base64,${standard}`,
    });
    expect([status, job]).toEqual([400, undefined]);
    expect(JSON.parse(text)).toBeDefined();
    expect(text).toContain('is a data: URI. Leave the prefix');
    expect(text).toContain('image.bytesBase64Encoded');
  });

  it('is refused with the position of the first wrong character', async () => {
    const base64 = `${standard.slice(0, 40)}!${standard.slice(41)}`;
    const { status, text } = await sendImage(way, { bytes: JPEG, base64 });
    expect([status, text]).toEqual([400, expect.stringContaining('at position 41')]);
  });
});

describe('a video in base64', () => {
  it('is decoded and refused by the same rules (measured on b5f8afa)', async () => {
    const video = mp4(8);
    const names: unknown[] = [];
    for (const bytesBase64Encoded of [video.toString('base64'), video.toString('base64url')]) {
      const world = googleWorld();
      const body = { instances: [{ prompt: 'on', video: { bytesBase64Encoded, mimeType: 'video/mp4' } }] };
      const { status } = await googleClient(world).post(
        `${VERTEX}/veo-3.1-generate-001:predictLongRunning`,
        body,
      );
      expect(status).toBe(200);
      names.push([...world.input.objects.keys()].find((name) => name.endsWith('.mp4')));
    }
    expect(names[0]).toBe(names[1]);
    const instances = [
      { prompt: 'on', video: { bytesBase64Encoded: `data:video/mp4;base64,${video.toString('base64')}` } },
    ];
    const refused = await googleClient(googleWorld()).post(
      `${VERTEX}/veo-3.1-generate-001:predictLongRunning`,
      { instances },
    );
    expect([refused.status, JSON.stringify(refused.body)]).toEqual([
      400,
      expect.stringContaining('data: URI'),
    ]);
  });
});

describe('an image call', () => {
  it('that passes to Google is refused by the same rules, unpaid (measured on b5f8afa)', async () => {
    const sent: ImageCall[] = [];
    const images: ImagePassThrough = {
      serves: () => true,
      async send(call) {
        sent.push(call);
        return { kind: 'body', body: new Blob(['{}']).stream(), contentType: 'application/json' };
      },
    };
    const { post } = googleClient(googleWorld({}, { images }));
    const call = (data: string) => {
      const parts = [{ text: 'a hat' }, { inlineData: { data, mimeType: 'image/jpeg' } }];
      return post('/v1beta/models/gemini-3.1-flash-image:generateContent', { contents: [{ parts }] });
    };
    const refused = await call(`data:image/jpeg;base64,${standard}`);
    expect([refused.status, JSON.stringify(refused.body), sent]).toEqual([
      400,
      expect.stringContaining('contents[0].parts[1].inlineData.data: is a data: URI'),
      [],
    ]);
    for (const data of [standard, JPEG.toString('base64url')]) expect((await call(data)).status).toBe(200);
    expect(sent).toHaveLength(2);
  });
});

describe('random base64', () => {
  it('is decoded to the bytes that were encoded, in every form', () => {
    const space = fc.array(fc.tuple(fc.nat(200), fc.constantFrom(' ', '\n', '\r\n', '\t')), { maxLength: 4 });
    const property = fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 100 }),
      fc.boolean(),
      fc.boolean(),
      space,
      (bytes, isUrl, isPadded, spaces) => {
        const encoded = Buffer.from(bytes).toString('base64');
        const letters = isUrl ? encoded.replaceAll('+', '-').replaceAll('/', '_') : encoded;
        const text = spaces.reduce(
          (before, [at, blank]) => before.slice(0, at) + blank + before.slice(at),
          isPadded ? letters : letters.replace(/=+$/, ''),
        );
        expect(decodeBase64(text)).toEqual({ bytes: Buffer.from(bytes) });
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  it('with random changes is refused unless it is exactly what an encoder writes', () => {
    const property = fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.nat(90),
      fc.string({ maxLength: 3 }),
      fc.nat(3),
      (bytes, at, insert, remove) => {
        const encoded = Buffer.from(bytes).toString('base64');
        const text = encoded.slice(0, at) + insert + encoded.slice(at + remove);
        const decoded = decodeBase64(text);
        if ('fault' in decoded) expect(decoded.fault).toMatch(/^is .*\.$/s);
        else {
          const again = Buffer.from(decoded.bytes);
          const bare = text.replace(/\s/g, '').replace(/=+$/, '');
          expect([again.toString('base64').replace(/=+$/, ''), again.toString('base64url')]).toContain(bare);
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});
