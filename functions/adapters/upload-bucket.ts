/** The input bucket for the `upload` function: objects by name and generation. */
import type { Storage } from '@google-cloud/storage';
import { z } from 'zod';
import { defined } from '../core/defined.ts';
import type { UploadBucket } from '../ports.ts';
import { codeOf } from './error-code.ts';

const PRECONDITION_FAILED = 412;
const NOT_FOUND = 404;

const metadataSchema = z.object({
  name: z.string(),
  generation: z.coerce.string(),
  size: z.coerce.number(),
  contentType: z.string().default(''),
  metadata: z.record(z.string(), z.string()).default({}),
});

export function createUploadBucket(storage: Storage, bucketName: string): UploadBucket {
  const bucket = storage.bucket(bucketName);
  return {
    bucket: bucketName,

    async head(name, wanted) {
      try {
        const file = bucket.file(name, defined({ generation: wanted }));
        const [resource] = await file.getMetadata();
        const { generation, size: bytes, contentType, metadata } = metadataSchema.parse(resource);
        return { name, generation, bytes, contentType, metadata };
      } catch (error) {
        if (codeOf(error) === NOT_FOUND) return undefined;
        throw error;
      }
    },

    async read(name, generation) {
      try {
        // As stored: the caller decompresses, up to its size limit.
        const [bytes] = await bucket.file(name, { generation }).download({ decompress: false });
        return bytes;
      } catch (error) {
        if (codeOf(error) === NOT_FOUND) return undefined;
        throw error;
      }
    },

    async write(name, contentType, bytes, over) {
      try {
        await bucket.file(name).save(Buffer.from(bytes), {
          resumable: false,
          contentType,
          preconditionOpts: { ifGenerationMatch: over },
        });
        return true;
      } catch (error) {
        if (codeOf(error) === PRECONDITION_FAILED) return false;
        throw error;
      }
    },

    async remove(name, generation) {
      try {
        // As a precondition: a generation in the path would be deleted for good, instead of becoming noncurrent.
        await bucket.file(name).delete({ ifGenerationMatch: generation });
      } catch (error) {
        const code = codeOf(error);
        if (code !== PRECONDITION_FAILED && code !== NOT_FOUND) throw error;
      }
    },
  };
}
