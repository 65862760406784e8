/** `fields=` on Google's surfaces: the answer contains only the selected fields, as Google's APIs do it. */
import type { MiddlewareHandler } from 'hono';
import { unknownFieldOf } from '../../core/compat/answer-fields.ts';
import { type FieldMask, parseFieldMask, selectFields } from '../../core/compat/field-mask.ts';
import { invalidRequest } from '../../core/problem.ts';

/** A longer answer contains videos or images. Selecting from it would need several times its size in memory. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

/** A selection that cannot be read, or names a field that the answer cannot have, is refused before the request is processed, so that it makes no job. */
export const selectsFields: MiddlewareHandler = async (c, next) => {
  const text = c.req.query('fields') ?? c.req.query('$fields');
  const mask = text === undefined ? undefined : parseFieldMask(text);
  if (text !== undefined && !mask) {
    const detail = `is '${text.slice(0, 100)}', which is not a list of fields; write it like name,response(videos/uri).`;
    throw invalidRequest([{ field: 'fields', detail }]);
  }
  const unknown = mask && unknownFieldOf(c.req.method, c.req.path, mask);
  if (unknown !== undefined) {
    // Google's own words, which programs read.
    const detail = `Error expanding 'fields' parameter. Cannot find matching fields for path '${unknown}'.`;
    throw invalidRequest([{ field: 'fields', detail }]);
  }
  await next();
  const isJson = /^application\/json\b/.test(c.res.headers.get('content-type') ?? '');
  if (mask && c.res.ok && isJson && c.req.method !== 'HEAD') c.res = await selected(c.res, mask);
};

/** A paid answer must not be lost because it is long: it is returned whole. */
async function selected(response: Response, mask: FieldMask): Promise<Response> {
  const headers = new Headers(response.headers);
  if (!response.body || Number(headers.get('content-length') ?? 0) > ANSWER_BYTES_MAX) return response;
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    bytes += value.byteLength;
    if (bytes > ANSWER_BYTES_MAX) return new Response(allOf(chunks, reader), { headers });
  }
  headers.delete('content-length');
  const json: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  return new Response(JSON.stringify(selectFields(json, mask)), { headers });
}

/** The chunks that were read, then the rest of the answer. */
function allOf(
  chunks: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
