/** Replies with a whole body or a single byte range (RFC 9110, section 14). */
import { bytesReply, type SentReply } from './reply.ts';

/** 200 with the whole body, 206 with the requested range, or 416. An unsupported `Range` header is ignored. */
export function byteRangeReply(bytes: Buffer, contentType: string, range: string | undefined): SentReply {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  const common = { 'accept-ranges': 'bytes' };
  if (first === '' && last === '') return bytesReply(bytes, contentType, 200, common);
  const size = bytes.length;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || start > end) {
    return bytesReply(Buffer.alloc(0), contentType, 416, { ...common, 'content-range': `bytes */${size}` });
  }
  const contentRange = `bytes ${start}-${end}/${size}`;
  return bytesReply(bytes.subarray(start, end + 1), contentType, 206, {
    ...common,
    'content-range': contentRange,
  });
}
