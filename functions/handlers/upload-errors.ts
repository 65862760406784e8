/** What is wrong with an uploaded file, written beside it: once per generation, and never an older one over a newer. */
import { z } from 'zod';
import type { FieldError } from '../core/problem.ts';
import { errorNameOf } from '../core/upload-rules.ts';
import type { UploadBucket, UploadedObject } from '../ports.ts';

/** `line` of a manifest, counted from 1, where the fault is in one. */
export interface FileError extends FieldError {
  readonly line?: number;
}

const errorFileSchema = z.object({ generation: z.string().regex(/^\d+$/) });

/** Others may write it at the same time, each once. */
const TRIES = 5;

/** @returns whether this call has written it */
export async function writeErrorFile(
  uploads: UploadBucket,
  { name, generation }: UploadedObject,
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
