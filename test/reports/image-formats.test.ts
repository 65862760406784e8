/** Formats other than PNG and JPEG are named with what to do, and accepted where the model takes them. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { heicOf, isoBox, JPEG, webpOf } from '../support/images.ts';
import { reportFile, sendImage, WAYS } from '../support/report-files.ts';

const VEO = 'veo-3.1-generate-001';
const OMNI = 'gemini-omni-1.2-flash';
const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');
const tiff = (tag: number): Buffer => {
  const file = Buffer.alloc(60);
  file.write('II*\0', 'latin1');
  file.writeUInt32LE(8, 4);
  file.writeUInt16LE(1, 8);
  file.writeUInt16LE(tag, 10);
  return file;
};
const CONVERT = 'Convert it to PNG or JPEG.';

describe.each(WAYS)('an image sent by the %s', (way) => {
  it.each<[string, Buffer, string, string]>([
    ['WebP', reportFile('webp.jpg'), 'a WebP image', CONVERT],
    ['HEIC', heicOf(), 'a HEIC image', CONVERT],
    ['HEIF', heicOf('mif1', 'mif1'), 'a HEIF image', CONVERT],
    ['AVIF', heicOf('avif', 'mif1'), 'an AVIF image', CONVERT],
    ['GIF', Buffer.from('GIF89a\x01\0\x01\0'), 'a GIF image', CONVERT],
    ['BMP', hex('424d36000000000000003600000028000000'), 'a BMP image', CONVERT],
    ['TIFF', tiff(256), 'a TIFF image', CONVERT],
    ['DNG', tiff(50706), 'a raw photo (DNG)', 'export it as JPEG or PNG'],
    ['JXL', hex('ff0a7f02'), 'a JPEG XL image', CONVERT],
    ['JXL in boxes', hex('0000000c4a584c200d0a870a'), 'a JPEG XL image', CONVERT],
    ['gzip', gzipSync(JPEG), 'a gzip-compressed file', 'Decompress it'],
    ['MP4', isoBox('ftyp', Buffer.from('isom\0\0\0\0')), 'an MP4 video', 'save one frame of it'],
    ['HTML', Buffer.from('<!DOCTYPE html><title>403</title>'), 'an HTML page', 'save the file itself'],
    ['base64 text', Buffer.from(JPEG.toString('base64')), 'an image in base64', 'Store the decoded bytes'],
  ])(
    'is refused by name for Veo, with what to do: %s (GoogleCloudPlatform/vertex-ai-creative-studio#880)',
    async (_, bytes, name, advice) => {
      const { status, text, job } = await sendImage(way, { bytes });
      expect([status, text, job]).toEqual([400, expect.stringContaining(name), undefined]);
      expect(text).toContain(advice);
      expect(text).toContain(`is neither PNG nor JPEG, which ${VEO} takes, but`);
    },
  );
});

describe.each(WAYS.slice(0, 2))('an image for Omni sent by the %s', (way) => {
  it('may be WebP, HEIC and HEIF, and goes to the model with its type (alveusgg/alveusgg#988)', async () => {
    for (const [bytes, mimeType, extension] of [
      [reportFile('webp.jpg'), 'image/webp', 'webp'],
      [heicOf(), 'image/heic', 'heic'],
      [heicOf('mif1', 'mif1'), 'image/heif', 'heif'],
    ] as const) {
      const { status, job, image } = await sendImage(way, { bytes, model: OMNI });
      expect([status, job?.request.image?.mimeType]).toEqual([201, mimeType]);
      expect(Buffer.from(image ?? [])).toEqual(bytes);
      if (way === 'own API, inline')
        expect(job?.request.image?.gcsUri).toMatch(new RegExp(`\\.${extension}$`));
    }
  });

  it('is refused if it is damaged, cut short or another format', async () => {
    for (const [bytes, words] of [
      [reportFile('webp.jpg').subarray(0, 2000), 'is cut short'],
      [heicOf().subarray(0, 300), 'is cut short'],
      [webpOf(Buffer.alloc(0)).fill(9, 20, 26), 'is a damaged WebP'],
      [
        heicOf('avif', 'mif1'),
        'is none of PNG, JPEG, WebP, HEIC and HEIF, which gemini-omni-1.2-flash takes, but an AVIF',
      ],
    ] as const) {
      const { status, text } = await sendImage(way, { bytes, model: OMNI });
      expect([status, text]).toEqual([400, expect.stringContaining(words)]);
    }
  });

  it('may be followed by other bytes, which the model does not get', async () => {
    for (const bytes of [reportFile('webp.jpg'), heicOf()]) {
      const { image } = await sendImage(way, {
        bytes: Buffer.concat([bytes, Buffer.alloc(5000)]),
        model: OMNI,
      });
      expect(Buffer.from(image ?? [])).toEqual(bytes);
    }
  });
});
