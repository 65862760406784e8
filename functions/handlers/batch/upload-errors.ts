/**
 * Writes an error file beside an invalid uploaded file: once per generation of the file and of its sidecar, and never
 * an older one over a newer one. The error file is deleted once the file has become a job or batch.
 */
import { z } from 'zod';
import type { BatchIn } from '../../core/batch/batch.ts';
import { errorNameOf } from '../../core/batch/upload-names.ts';
import type { FieldError } from '../../core/problem.ts';
import type { Ids, Services, UploadBucket, UploadedObject } from '../../ports.ts';
import { batchIdOf } from './batch-work.ts';

/** `line` is the line in the manifest, counted from 1, for a fault in a manifest. */
export interface FileError extends FieldError {
  readonly line?: number;
}

const generationSchema = z.string().regex(/^\d+$/).transform(BigInt);
const errorFileSchema = z.object({
  generation: generationSchema,
  sidecar: z.object({ name: z.string(), generation: generationSchema }).optional(),
  isLost: z.boolean().default(false),
});
type ErrorFile = z.infer<typeof errorFileSchema>;

type ObjectVersion = Pick<UploadedObject, 'name' | 'generation'>;

/** The uploaded object that an error file reports on. */
export interface FaultyObject extends ObjectVersion {
  /** The sidecar that was used. Another generation of it may have another fault. */
  readonly sidecar?: ObjectVersion | undefined;
  /** The object was deleted before it was read. A later generation does not replace it. */
  readonly isLost?: boolean | undefined;
}

/** I5: the cause from which the id of an uploaded object's job or batch derives. */
export const uploadCause = (bucket: string, name: string, generation: string): readonly string[] => [
  'upload',
  bucket,
  name,
  generation,
];

/** The input bucket, and the hash that shortens the name of an error file. */
export interface ErrorFiles {
  readonly uploads: UploadBucket;
  readonly ids: Pick<Ids, 'hash'>;
}

const fileNameOf = ({ ids }: ErrorFiles, name: string): string =>
  errorNameOf(name, (parts) => ids.hash(parts));

/** Concurrent calls may write the error file, each of them once. */
const TRIES = 5;

/** @returns whether this call wrote the error file */
export async function writeErrorFile(
  files: ErrorFiles,
  faulty: FaultyObject,
  errors: readonly FileError[],
): Promise<boolean> {
  const { name, generation, sidecar, isLost = false } = faulty;
  const { uploads } = files;
  const errorName = fileNameOf(files, name);
  const object = `gs://${uploads.bucket}/${name}`;
  const about = {
    object,
    generation,
    ...(sidecar ? { sidecar: { name: sidecar.name, generation: sidecar.generation } } : {}),
    ...(isLost ? { isLost } : {}),
  };
  const text = `${JSON.stringify({ ...about, errors }, null, 2)}\n`;
  for (let tries = 0; tries < TRIES; tries++) {
    const stored = await uploads.head(errorName);
    const known = stored && (await parseErrorFile(uploads, stored));
    if (known && !isNewer(known, faulty)) return false;
    const written = await uploads.write(
      errorName,
      'application/json',
      Buffer.from(text),
      stored?.generation ?? '0',
    );
    if (written) return true;
  }
  throw new Error(
    `${errorName}: ${TRIES} writes met concurrent changes; the event has to be delivered again`,
  );
}

function isNewer(known: ErrorFile, { generation, sidecar }: FaultyObject): boolean {
  const mine = BigInt(generation);
  if (mine !== known.generation) return mine > known.generation;
  if (sidecar?.name !== known.sidecar?.name) return true;
  return sidecar !== undefined && known.sidecar !== undefined
    ? BigInt(sidecar.generation) > known.sidecar.generation
    : false;
}

/**
 * Deletes the error file after the object has become a job or batch. A report about a lost object is kept.
 * @param of `this`: also a report about this generation; `older`: only reports about older ones, because faults of this
 * generation may have been reported since
 */
export async function removeErrorFile(
  files: ErrorFiles,
  { name, generation }: ObjectVersion,
  of: 'this' | 'older' = 'this',
): Promise<void> {
  const { uploads } = files;
  const stored = await uploads.head(fileNameOf(files, name));
  const known = stored && (await parseErrorFile(uploads, stored));
  if (!stored || !known || known.isLost) return;
  const mine = BigInt(generation);
  if (known.generation < mine || (of === 'this' && known.generation === mine))
    await uploads.remove(stored.name, stored.generation);
}

/** Returns nothing if the file was not written by Clapper. */
async function parseErrorFile(uploads: UploadBucket, file: UploadedObject): Promise<ErrorFile | undefined> {
  const bytes = await uploads.read(file.name, file.generation);
  try {
    return errorFileSchema.parse(JSON.parse(Buffer.from(bytes ?? []).toString()));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

/**
 * Writes the error file of an uploaded manifest after its rows were read, with the first faults by line. Does nothing
 * for batches that were not started by an upload.
 */
export async function writeManifestErrors(
  { uploads, ids, results }: Pick<Services, 'uploads' | 'ids' | 'results'>,
  { batchId, source, totals, firstFaults, ending }: BatchIn<'reporting'>,
  reportName: string,
): Promise<void> {
  const { gcsUri, generation } = source;
  if (!uploads || !gcsUri.startsWith(`gs://${uploads.bucket}/`)) return;
  const name = gcsUri.slice(`gs://${uploads.bucket}/`.length);
  if (batchId !== batchIdOf(ids, uploadCause(uploads.bucket, name, generation))) return;
  const errors: FileError[] = ending.status === 'failed' ? [{ field: '', detail: ending.error.message }] : [];
  for (const { line, fault, errors: fields = [{ field: '', detail: fault }] } of firstFaults)
    errors.push(...fields.map(({ field, detail }) => ({ line, field, detail })));
  const more = totals.faults - firstFaults.length;
  if (more > 0) {
    const all = `gs://${results.bucket}/${reportName}`;
    errors.push({ field: '', detail: `${more} more rows are invalid; all faults are in ${all}.` });
  }
  if (errors.length === 0) return;
  // A corrected file that is uploaded whole would generate and pay for its valid rows again.
  if (ending.status !== 'failed' && totals.valid > 0) {
    const detail =
      `${totals.valid === 1 ? '1 valid row became a job' : `${totals.valid} valid rows became jobs`} of batch ` +
      `${batchId}. Upload the corrected rows in a separate file: uploading this file again generates and charges all ` +
      'of its rows again.';
    errors.push({ field: '', detail });
  }
  await writeErrorFile({ uploads, ids }, { name, generation }, errors);
}
