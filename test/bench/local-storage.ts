/**
 * The memory of the local Cloud Storage for large objects: uploads in one request and in a resumable session, then
 * downloads. It runs in its own process. Its memory does not grow with the size of the objects.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { BUCKET, clientOf, MIB, pattern } from '../conformance/storage/harness.ts';
import type { Measure, Scope } from './bench.ts';
import { startMeasured } from './measured-process.ts';

const CHILD = fileURLToPath(new URL('../conformance/storage/child.ts', import.meta.url));
/** Nothing listens there, so the events of the bucket are not delivered. */
const NO_RECEIVER = 'http://127.0.0.1:9/upload';

export async function measure({ isQuick }: Scope): Promise<readonly Measure[]> {
  const sizes = isQuick ? { small: 4, large: 32 } : { small: 8, large: 128 };
  const small = await peakOf(sizes.small);
  return [
    {
      ...{ what: `peak memory, 4 × ${sizes.large} MiB`, unit: 'MiB', measured: await peakOf(sizes.large) },
      baseline: { what: `with 4 × ${sizes.small} MiB`, value: small },
      claim: { atMost: 1.4 },
    },
  ];
}

async function peakOf(mib: number): Promise<number> {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'clapper-bench-'));
  const child = startMeasured(['--import', 'tsx', CHILD, stateDir, NO_RECEIVER]);
  try {
    const { url } = await child.message(z.strictObject({ url: z.url() }));
    await child.during(uploadAndDownload(url, mib));
    return (await child.usage()).peakMib;
  } finally {
    await child.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function uploadAndDownload(url: string, mib: number): Promise<void> {
  const bucket = clientOf(url).bucket(BUCKET);
  const piece = pattern(MIB, 5);
  function* pieces(): Generator<Buffer> {
    for (let n = 0; n < mib; n++) yield piece;
  }
  for (const [name, resumable] of [
    ['one-request', false],
    ['session', true],
  ] as const)
    await pipeline(Readable.from(pieces()), bucket.file(name).createWriteStream({ resumable }));
  for (const name of ['one-request', 'session']) {
    const response = await fetch(`${url}/storage/v1/b/${BUCKET}/o/${name}?alt=media`);
    let bytes = 0;
    for await (const chunk of response.body ?? []) bytes += chunk.byteLength;
    if (bytes !== mib * MIB) throw new Error(`downloaded ${bytes} bytes instead of ${mib} MiB`);
  }
}
