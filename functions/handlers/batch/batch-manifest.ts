/** The first step of a batch: unzips the manifest if needed, detects its format, and parses the header of a CSV. */
import { pipeline, Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { BatchIn, Manifest } from '../../core/batch/batch.ts';
import { batchPrefixOf } from '../../core/batch/batch.ts';
import { headerFault, ignoredColumns } from '../../core/batch/manifest-columns.ts';
import {
  formatOf,
  HEAD_BYTES,
  type ManifestFormat,
  readHeader,
  sniff,
} from '../../core/manifest/manifest-start.ts';
import { type InputStore, ObjectMissingError, type Services } from '../../ports.ts';
import { manifestMissing, rulesOf, type StepOutcome } from './batch-work.ts';

/** Limits zip bombs: a gigabyte of zeros is a megabyte when zipped. No real manifest is this long. */
const UNZIPPED_BYTES_MAX = 20 * 1024 ** 3;
/** Read size while unzipping: few requests, little memory. */
const WINDOW_BYTES = 4 * 1024 ** 2;

type Object = { readonly gcsUri: string; readonly generation: string; readonly bytes: number };
type Faulty = { readonly fault: string };

export async function openManifest(services: Services, batch: BatchIn<'expanding'>): Promise<StepOutcome> {
  try {
    const opened = await open(services, batch);
    return 'fault' in opened
      ? unreadable(`The manifest ${opened.fault}`)
      : { type: 'opened', manifest: opened };
  } catch (error) {
    if (error instanceof ObjectMissingError) return manifestMissing(batch);
    throw error;
  }
}

const unreadable = (message: string): StepOutcome => ({
  type: 'unreadable',
  error: { code: 'MANIFEST_UNREADABLE', message },
});

async function open(services: Services, batch: BatchIn<'expanding'>): Promise<Manifest | Faulty> {
  const { inputs } = services;
  const { gcsUri, generation, format: asked } = batch.source;
  const found = await inputs.head(gcsUri, generation);
  if (!found) throw new ObjectMissingError(gcsUri);
  const stored: Object = { gcsUri, generation, bytes: found.bytes };
  const storedHead = await headOf(inputs, stored);
  const isZipped = sniff(storedHead).kind === 'gzip';
  const text = isZipped ? await unzip(services, batch, stored) : stored;
  if ('fault' in text) return text;
  const head = isZipped ? await headOf(inputs, text) : storedHead;
  const sniffed = sniff(head);
  if (sniffed.kind === 'unreadable') return sniffed;
  if (sniffed.kind === 'gzip') return { fault: 'is zipped twice; zip it once.' };
  const { bomBytes } = sniffed;
  const format = formatOf(asked, gcsUri, head.subarray(bomBytes));
  return withHeader(batch, text, { format, head, bomBytes });
}

function withHeader(
  batch: BatchIn<'expanding'>,
  object: Object,
  {
    format,
    head,
    bomBytes,
  }: { readonly format: ManifestFormat; readonly head: Uint8Array; readonly bomBytes: number },
): Manifest | Faulty {
  const start = { byte: bomBytes, row: 0, line: 0, isSkipping: false };
  const { gcsUri, generation, bytes } = object;
  const plain = { gcsUri, generation, bytes, format, columns: [], delimiter: ',', ignoredColumns: [], start };
  if (format === 'jsonl') return plain;
  const header = readHeader(head, { bomBytes, isWhole: head.length >= bytes });
  if ('fault' in header) return header;
  const columns = [...header.columns];
  const rules = rulesOf(batch, columns);
  const fault = headerFault(rules, header);
  if (fault !== undefined) return { fault };
  return {
    ...plain,
    columns,
    delimiter: header.delimiter,
    ignoredColumns: ignoredColumns(rules),
    start: header.cursor,
  };
}

const headOf = (inputs: InputStore, { gcsUri, generation, bytes }: Object): Promise<Uint8Array> =>
  bytes === 0
    ? Promise.resolve(new Uint8Array())
    : inputs.readRange(gcsUri, 0, Math.min(bytes, HEAD_BYTES) - 1, generation);

/** Unzips the manifest once per batch, into the input bucket. The copy is then read like any other manifest. */
async function unzip(
  { inputs }: Services,
  { batchId }: BatchIn<'expanding'>,
  source: Object,
): Promise<Object | Faulty> {
  const name = `${batchPrefixOf(batchId)}manifest`;
  const gcsUri = `gs://${inputs.bucket}/${name}`;
  const before = await inputs.head(gcsUri);
  if (before) return { gcsUri, ...before };
  const limit = limitedTo(UNZIPPED_BYTES_MAX);
  let fault: string | undefined;
  const zipped = Readable.from(windows(inputs, source), { objectMode: false });
  const unzipped = pipeline(zipped, createGunzip(), limit, (error) => {
    fault = faultOf(error);
  });
  try {
    await inputs.writeOnce(name, 'text/plain; charset=utf-8', unzipped);
  } catch (error) {
    fault ??= faultOf(error);
    if (fault === undefined) throw error;
    return { fault };
  }
  const made = await inputs.head(gcsUri);
  if (!made) throw new Error(`${gcsUri} was written but does not exist`);
  return { gcsUri, ...made };
}

/** The fault of corrupt or overlong zipped data. Nothing for errors of the bucket. */
function faultOf(error: unknown): string | undefined {
  if (error instanceof TooLongError) return `is longer than ${UNZIPPED_BYTES_MAX} bytes when unzipped.`;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'string' || !code.startsWith('Z_')) return undefined;
  return `cannot be unzipped: ${error instanceof Error ? error.message : code}.`;
}

class TooLongError extends Error {}

function limitedTo(bytesMax: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > bytesMax) done(new TooLongError());
      else done(null, chunk);
    },
  });
}

async function* windows(
  inputs: InputStore,
  { gcsUri, generation, bytes }: Object,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += WINDOW_BYTES) {
    yield await inputs.readRange(gcsUri, at, Math.min(bytes, at + WINDOW_BYTES) - 1, generation);
  }
}
