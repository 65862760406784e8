/**
 * What is wrong with an uploaded file, written beside it: once per generation (of it, and of what is said about it), never
 * an older one over a newer, and taken away again once the file has become what it was to become.
 */
import { z } from 'zod';
import type { BatchIn } from '../../core/batch/batch.ts';
import { errorNameOf } from '../../core/batch/upload-rules.ts';
import type { FieldError } from '../../core/problem.ts';
import type { Services, UploadBucket, UploadedObject } from '../../ports.ts';
import { batchIdOf } from './batch-work.ts';

/** `line` of a manifest, counted from 1, where the fault is in one. */
export interface FileError extends FieldError {
  readonly line?: number;
}

const generationSchema = z.string().regex(/^\d+$/).transform(BigInt);
const toldSchema = z.object({
  generation: generationSchema,
  sidecar: z.object({ name: z.string(), generation: generationSchema }).optional(),
  isLost: z.boolean().default(false),
});
type Told = z.infer<typeof toldSchema>;

type Named = Pick<UploadedObject, 'name' | 'generation'>;

/** What an error file tells of. */
export interface Faulty extends Named {
  /** What was said about it: another one of it may be wrong in another way. */
  readonly sidecar?: Named | undefined;
  /** It is gone, and no other generation makes that good. */
  readonly isLost?: boolean | undefined;
}

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
  faulty: Faulty,
  errors: readonly FileError[],
): Promise<boolean> {
  const { name, generation, sidecar, isLost = false } = faulty;
  const errorName = errorNameOf(name);
  const object = `gs://${uploads.bucket}/${name}`;
  const about = {
    ...{ object, generation },
    ...(sidecar ? { sidecar: { name: sidecar.name, generation: sidecar.generation } } : {}),
    ...(isLost ? { isLost } : {}),
  };
  const text = `${JSON.stringify({ ...about, errors }, null, 2)}\n`;
  for (let tries = 0; tries < TRIES; tries++) {
    const there = await uploads.head(errorName);
    const told = there && (await toldBy(uploads, there));
    if (told && !isNews(told, faulty)) return false;
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

function isNews(told: Told, { generation, sidecar }: Faulty): boolean {
  const mine = BigInt(generation);
  if (mine !== told.generation) return mine > told.generation;
  if (sidecar?.name !== told.sidecar?.name) return true;
  return sidecar !== undefined && told.sidecar !== undefined
    ? BigInt(sidecar.generation) > told.sidecar.generation
    : false;
}

/**
 * The file has become its job or batch, so what was told of this generation or an older one holds no longer. What was
 * lost stays lost.
 * @param of `older` where faults of this generation itself may have been told since
 */
export async function removeErrorFile(
  uploads: UploadBucket,
  { name, generation }: Named,
  of: 'this' | 'older' = 'this',
): Promise<void> {
  const there = await uploads.head(errorNameOf(name));
  const told = there && (await toldBy(uploads, there));
  if (!there || !told || told.isLost) return;
  const mine = BigInt(generation);
  if (told.generation < mine || (of === 'this' && told.generation === mine))
    await uploads.remove(there.name, there.generation);
}

/** Nothing where the file is none of ours. */
async function toldBy(uploads: UploadBucket, file: UploadedObject): Promise<Told | undefined> {
  const bytes = await uploads.read(file.name, file.generation);
  try {
    return toldSchema.parse(JSON.parse(Buffer.from(bytes ?? []).toString()));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
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
  // Who corrects a file uploads it again, and then what was right in it is made and paid for once more.
  if (ending.status !== 'failed' && totals.valid > 0) {
    const detail =
      `${totals.valid === 1 ? '1 row was right and became a job' : `${totals.valid} rows were right and became jobs`} ` +
      `of batch ${batchId}. Upload what you correct in a file of its own: this one, uploaded again, makes and pays for ` +
      'all of its rows again.';
    errors.push({ field: '', detail });
  }
  await writeErrorFile(uploads, { name, generation }, errors);
}
