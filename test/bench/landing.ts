/**
 * The memory for landing videos from the providers that deliver by download, through the handlers and the real clients.
 * Each measure has its own process. Memory does not grow with the size of a video, and an instance has enough for its
 * maximum number of concurrent requests.
 */
import { once } from 'node:events';
import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { startStorage } from '../../infra/storage/server.ts';
import { mp4 } from '../support/google.ts';
import { box } from '../support/mp4-boxes.ts';
import type { Measure, Scope } from './bench.ts';
import { type Landing, landedSchema } from './landing-message.ts';
import { startMeasured } from './measured-process.ts';

const MIB = 1024 * 1024;
const BUCKET = 'bench-out';
const CHILD = fileURLToPath(new URL('landing-child.ts', import.meta.url));
const PROVIDERS = ['gemini', 'omni'] as const;
/** The concurrency and the memory of an instance of `poll`, as Terraform deploys it. */
const INSTANCE = { videos: 8, memoryMib: 1024 };

export async function measure({ isQuick }: Scope): Promise<readonly Measure[]> {
  const sizes = isQuick ? { small: 8, many: 16, large: 64 } : { small: 16, many: 64, large: 256 };
  const storage = await startStorage({ buckets: [{ name: BUCKET }] });
  const files = await serveVideos();
  try {
    const where = { filesUrl: files.url, storageUrl: storage.url, bucket: BUCKET };
    const measures: Measure[] = [];
    for (const provider of PROVIDERS) {
      const small = await peakOf({ ...where, provider, videos: 1, mib: sizes.small });
      measures.push({
        ...{ what: `peak memory, ${sizes.large} MiB of ${provider}`, unit: 'MiB' },
        measured: await peakOf({ ...where, provider, videos: 1, mib: sizes.large }),
        baseline: { what: `with ${sizes.small} MiB`, value: small },
        claim: { atMost: 1.3 },
      });
    }
    const { videos, memoryMib } = INSTANCE;
    measures.push({
      ...{ what: `peak memory, ${videos} × ${sizes.many} MiB of omni at once`, unit: 'MiB' },
      measured: await peakOf({ ...where, provider: 'omni', videos, mib: sizes.many }),
      baseline: { what: 'an instance has', value: memoryMib },
      claim: { atMost: 0.5 },
    });
    return measures;
  } finally {
    files.stop();
    await storage.stop();
  }
}

async function peakOf(landing: Landing): Promise<number> {
  const child = startMeasured(['--import', 'tsx', CHILD, JSON.stringify(landing)]);
  try {
    const { bytes } = await child.message(landedSchema);
    const { videos, mib } = landing;
    if (bytes < videos * mib * MIB)
      throw new Error(`only ${bytes} bytes of ${videos} × ${mib} MiB have landed`);
    return (await child.usage()).peakMib;
  } finally {
    await child.stop();
  }
}

/** Serves an MP4 of n MiB, plus its headers, at `/…/{n}`. */
async function serveVideos(): Promise<{ readonly url: string; readonly stop: () => void }> {
  const piece = Buffer.alloc(MIB, 7);
  function* videoOf(mib: number): Generator<Buffer> {
    const media = box('mdat');
    media.writeUInt32BE(media.length + mib * MIB);
    yield Buffer.concat([mp4(4), media]);
    for (let n = 0; n < mib; n++) yield piece;
  }
  const server = http.createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'video/mp4' });
    const video = Readable.from(videoOf(Number(request.url?.split('/').at(-1))));
    // A client that disconnects reports the error in its own process.
    pipeline(video, response).catch(() => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = z.object({ port: z.number() }).parse(server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
