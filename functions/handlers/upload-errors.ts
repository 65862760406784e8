/** What is wrong with an uploaded file, written beside it: once per generation, and never an older one over a newer. */
import { z } from 'zod';
import type { BatchIn } from '../core/batch.ts';
import type { FieldError } from '../core/problem.ts';
import { errorNameOf } from '../core/upload-rules.ts';
import type { Services, UploadBucket, UploadedObject } from '../ports.ts';
import { batchIdOf } from './batch-work.ts';

/** `line` of a manifest, counted from 1, where the fault is in one. */
export interface FileError extends FieldError {
  readonly line?: number;
}

const errorFileSchema = z.object({ generation: z.string().regex(/^\d+$/) });

/** I5: what the job or batch of an uploaded object follows from. */
export const uploadCause = (bucket: string, name: string, generation: string): readonly string[] => [
  'upload',
  bucket,
  name,
  generation,
];

/** Others may write it at the same time, each once. */
const TRIES = 5;

/** @returns whether this call has written it */
export async function writeErrorFile(
  uploads: UploadBucket,
  { name, generation }: Pick<UploadedObject, 'name' | 'generation'>,
  errors: readonly FileError[],
): Promise<boolean> {
  const errorName = errorNameOf(name);
  const object = `gs://${uploads.bucket}/${name}`;
  const text = `${JSON.stringify({ object, generation, errors }, null, 2)}\n`;
  for (let tries = 0; tries < TRIES; tries++) {
    const there = await uploads.head(errorName);
    if (there && (await generationTold(uploads, there)) >= BigInt(generation)) return false;
    const written = await uploads.write(
      errorName,
      'application/json',
      Buffer.from(text),
      there?.generation ?? '0',
    );
    if (written) return true;
  }
  throw new Error(`${errorName} is written by others all the time; the event has to come again`);
}

/** Of the object that the file tells of; below any where it cannot be read. */
async function generationTold(uploads: UploadBucket, file: UploadedObject): Promise<bigint> {
  try {
    const bytes = await uploads.read(file.name, file.generation);
    return BigInt(errorFileSchema.parse(JSON.parse(Buffer.from(bytes ?? []).toString())).generation);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return -1n;
    throw error;
  }
}

/** `field: what is wrong with it`, as problems are written out. */
const FIELD_AND_DETAIL = /^([A-Za-z][\w.]*): (.+)$/s;

/**
 * What is wrong with an uploaded manifest is known once its rows have been read: it is told beside it too, the first
 * faults by line. Batches of other causes are left alone.
 */
export async function tellManifestFaults(
  { uploads, ids, results }: Pick<Services, 'uploads' | 'ids' | 'results'>,
  { batchId, source, totals, firstFaults, ending }: BatchIn<'reporting'>,
  reportName: string,
): Promise<void> {
  const { gcsUri, generation } = source;
  if (!uploads || !gcsUri.startsWith(`gs://${uploads.bucket}/`)) return;
  const name = gcsUri.slice(`gs://${uploads.bucket}/`.length);
  if (batchId !== batchIdOf(ids, uploadCause(uploads.bucket, name, generation))) return;
  const errors: FileError[] = ending.status === 'failed' ? [{ field: '', detail: ending.error.message }] : [];
  for (const { line, fault } of firstFaults) {
    const [, field = '', detail = fault] = FIELD_AND_DETAIL.exec(fault) ?? [];
    errors.push({ line, field, detail });
  }
  const more = totals.faults - firstFaults.length;
  if (more > 0) {
    const all = `gs://${results.bucket}/${reportName}`;
    errors.push({ field: '', detail: `There are ${more} more faults; all of them are in ${all}.` });
  }
  if (errors.length === 0) return;
  await writeErrorFile(uploads, { name, generation }, errors);
}
