/** The response of a Vertex operation with inline videos: streamed from the bucket as base64, never whole in memory. */

import type { Operation } from '../../core/compat/operation.ts';
import type { LandedVideo } from '../../core/job/attempt-record.ts';
import type { Services } from '../../ports.ts';

/** A multiple of 3, so that no chunk but the last needs padding. */
const CHUNK_BYTES = 3 * 256 * 1024;

/** Cloud Run answers 500 to a longer response with a Content-Length; without one the length is unlimited. */
const DECLARED_LENGTH_MAX = 32 * 1024 * 1024 - 65_536;

/** @throws Error if the first bytes of the first video cannot be read: an error response is still possible then */
export async function replyWithVideos(
  { results }: Pick<Services, 'results'>,
  operation: Operation | undefined,
  videos: readonly LandedVideo[],
): Promise<Response> {
  const json = JSON.stringify(operation);
  // The list of videos is empty and comes last in the JSON; it is filled while streaming.
  const end = ']}}';
  if (!json.endsWith(`[${end}`))
    throw new Error('the JSON of an operation has to end with its list of videos');
  const head = json.slice(0, -end.length);
  const parts = videos.map((_, n) => ({
    before: `${n === 0 ? '' : ','}{"bytesBase64Encoded":"`,
    after: '","mimeType":"video/mp4"}',
  }));
  const texts = [head, ...parts.flatMap(({ before, after }) => [before, after]), end];
  const length =
    texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) +
    videos.reduce((sum, { bytes }) => sum + 4 * Math.ceil(bytes / 3), 0);

  async function* chunks(): AsyncGenerator<string> {
    yield head;
    for (const [n, { before, after }] of parts.entries()) {
      yield before;
      const video = videos[n];
      if (video) yield* base64Of(results, video);
      yield after;
    }
    yield end;
  }
  const rest = chunks();
  // Everything up to the first bytes of the first video.
  let opening = '';
  for (let n = 0; n < 3; n++) opening += (await rest.next()).value ?? '';
  return new Response(streamOf(opening, rest), {
    headers: {
      'content-type': 'application/json; charset=UTF-8',
      ...(length > DECLARED_LENGTH_MAX ? {} : { 'content-length': String(length) }),
    },
  });
}

async function* base64Of(results: Services['results'], { uri, bytes }: LandedVideo): AsyncGenerator<string> {
  const name = uri.slice(`gs://${results.bucket}/`.length);
  for (let start = 0; start < bytes; start += CHUNK_BYTES) {
    const end = Math.min(start + CHUNK_BYTES, bytes) - 1;
    const chunk = await results.readRange(name, start, end);
    // The object was replaced or is truncated. The client must not receive a partial video as a complete one.
    if (chunk.length !== end - start + 1)
      throw new Error(`${uri} is shorter than the recorded ${bytes} bytes`);
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('base64');
  }
}

/** Produces chunks on demand, so that a slow client does not fill the memory. */
function streamOf(opening: string, chunks: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(opening));
      },
      async pull(controller) {
        const next = await chunks.next();
        if (next.done) controller.close();
        else controller.enqueue(encoder.encode(next.value));
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
