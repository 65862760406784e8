import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fileKindOf } from '../../../functions/core/media/file-kind.ts';
import { heicOf, isoBox, JPEG, PNG, webpOf } from '../../support/images.ts';

const text = (content: string): Buffer => Buffer.from(content, 'utf8');
const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');
const iso = (brand: string): Buffer => isoBox('ftyp', text(`${brand}\0\0\0\0`));

/** A TIFF whose first directory has these tags. */
function tiffOf(...tags: number[]): Buffer {
  const file = Buffer.alloc(10 + 12 * tags.length);
  file.write('II*\0', 'latin1');
  file.writeUInt32LE(8, 4);
  file.writeUInt16LE(tags.length, 8);
  for (const [n, tag] of tags.entries()) file.writeUInt16LE(tag, 10 + 12 * n);
  return file;
}

describe('the kind of a file', () => {
  it.each<[string, string, Buffer]>([
    ['image', 'png', PNG],
    ['image', 'jpeg', JPEG],
    ['image', 'webp', webpOf()],
    ['image', 'heic', heicOf()],
    ['image', 'heic', heicOf('mif1')],
    ['image', 'heif', heicOf('mif1', 'mif1')],
    ['image', 'avif', heicOf('mif1', 'mif1avif')],
    ['image', 'avif', iso('avif')],
    ['image', 'gif', text('GIF89a')],
    ['image', 'bmp', hex('424d36000000000000003600000028000000')],
    ['image', 'tiff', tiffOf(256, 257)],
    ['image', 'dng', tiffOf(256, 257, 50706)],
    ['image', 'raw', iso('crx ')],
    ['image', 'jxl', hex('ff0a7f02')],
    ['image', 'jxl', hex('0000000c4a584c200d0a870a')],
    ['image', 'jp2', hex('0000000c6a5020200d0a870a')],
    ['image', 'ico', hex('00000100010010100000')],
    ['image', 'svg', text('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['video', 'mp4', iso('isom')],
    ['video', 'mov', iso('qt  ')],
    ['video', 'mov', isoBox('moov', Buffer.alloc(4))],
    ['video', 'webm', hex('1a45dfa3')],
    ['archive', 'gzip', gzipSync('a')],
    ['archive', 'zip', Buffer.concat([hex('504b0304'), Buffer.alloc(26), text('cats/1.png')])],
    ['document', 'office', Buffer.concat([hex('504b0304'), Buffer.alloc(26), text('[Content_Types].xml')])],
    ['document', 'old-office', hex('d0cf11e0a1b11ae1')],
    ['document', 'pdf', text('%PDF-1.7')],
    ['document', 'html', text('<!doctype html><title>404</title>')],
    ['text', 'text', text('prompt,seed\na cat,1\n')],
    ['text', 'text', Buffer.concat([hex('fffe'), Buffer.from('a cat', 'utf16le')])],
    ['text', 'json', text(' {"prompt": "a cat"}')],
    ['text', 'data-uri', text('data:image/png;base64,iVBORw0KGgo=')],
    ['text', 'base64-image', text('iVBORw0KGgoAAAANSUhEUg==')],
    ['text', 'legacy', Buffer.from('prompt\nein Bär\n', 'latin1')],
    ['empty', 'empty', Buffer.alloc(0)],
    ['unknown', 'unknown', deflateSync(Buffer.alloc(1000))],
  ])('is %s, %s', (category, format, bytes) => {
    expect(fileKindOf(bytes)).toMatchObject({ category, format });
  });

  it('has advice unless it is usable as it is', () => {
    expect(fileKindOf(webpOf())).toMatchObject({
      name: 'a WebP image',
      advice: 'Convert it to PNG or JPEG.',
    });
    expect(fileKindOf(PNG)).toEqual({
      category: 'image',
      format: 'png',
      mimeType: 'image/png',
      name: 'a PNG image',
    });
  });

  it('does not change with fewer bytes, except that it may be less exact', () => {
    for (const bytes of [PNG, JPEG, webpOf(), heicOf(), text('a cat äöü')])
      for (let length = 12; length < bytes.length; length++)
        expect(fileKindOf(bytes.subarray(0, length)), `${length}`).toMatchObject({
          category: fileKindOf(bytes).category,
        });
  });
});
