import { describe, expect, it } from 'vitest';
import { decodeBase64 } from '../../../functions/core/media/base64.ts';

const faultOf = (text: string): string => {
  const decoded = decodeBase64(text);
  return 'fault' in decoded ? decoded.fault : '';
};

describe('base64', () => {
  it('is decoded in either alphabet, with or without padding, and with white space anywhere', () => {
    const bytes = Buffer.from('fbefbeff', 'hex');
    for (const text of ['++++/w==', '++++/w', '----_w==', '----_w', ' ++++\r\n/w= =\n', '\uFEFF++++/w=='])
      expect(decodeBase64(text), text).toEqual({ bytes });
  });

  it('is decoded completely, even if it is very long', () => {
    const large = Buffer.alloc(25 * 1024 * 1024, 7);
    const lines = large.toString('base64').replace(/.{76}/g, '$&\r\n');
    for (const text of [large.toString('base64'), large.toString('base64url'), lines]) {
      const decoded = decodeBase64(text);
      expect('bytes' in decoded && Buffer.from(decoded.bytes).equals(large)).toBe(true);
    }
  });

  it.each([
    ['AA!EC', 'the character "!" at position 3'],
    ['AA=E', 'the character "=" at position 3'],
    ['====', 'the character "="'],
    ['AA\\nEC', 'the character "\\\\"'],
    ['+a-_', 'mixes the standard alphabet'],
    ['AAAAA', 'missing at the end'],
    ['AAE==', 'missing at the end'],
    ['AAA==', 'missing at the end'],
    ['AAF', 'missing at the end'],
    ['', 'is empty'],
    [' \n', 'is empty'],
  ])('is rejected: %j', (text, words) => {
    expect(faultOf(text)).toContain(words);
  });

  it('is rejected by name with the prefix of a data: URI, and told to leave the prefix out', () => {
    expect(faultOf('data:image/png;base64,iVBORw0KGgo=')).toBe(
      'is a data: URI. Leave the prefix "data:image/png;base64," out, and send only the base64 that follows it.',
    );
    for (const text of [' DATA:;base64,AAAA', 'data:image/svg+xml,%3Csvg'])
      expect(faultOf(text)).toContain('is a data: URI');
  });
});
