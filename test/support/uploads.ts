/** A world with upload rules: users drop files, events arrive, and the sweep runs. */
import { z } from 'zod';
import { uploadRulesSchema } from '../../functions/core/batch/upload-rules.ts';
import { createBatch } from '../../functions/handlers/batch/create-batch.ts';
import {
  handleUpload,
  type StartBatch,
  sweepUploads,
  UPLOAD_WAIT_MS,
} from '../../functions/handlers/batch/upload.ts';
import { finishesAfter } from './jobs.ts';
import { makeWorld, type World } from './memory.ts';
import { runFor } from './run.ts';
import { MemoryUploads, MemoryWaits } from './upload-bucket.ts';

const FINALIZED = 'google.cloud.storage.object.v1.finalized';
const MINUTE = 60_000;

export interface UploadWorld {
  readonly world: World;
  readonly uploads: MemoryUploads;
  readonly waits: MemoryWaits;
  /** Stores a file and delivers its event. */
  readonly drop: (...file: Parameters<MemoryUploads['drop']>) => Promise<void>;
  readonly deliver: (data: unknown) => Promise<void>;
  /** Runs the sweep after the time for which files wait for each other. */
  readonly waitInVain: () => Promise<void>;
  /** Runs the jobs and batches to their end. */
  readonly finish: () => Promise<void>;
  readonly prompts: () => Promise<(string | undefined)[]>;
  /** The field and the detail of each error, by the name of the error file. */
  readonly errors: () => Record<string, string[]>;
}

export function uploadWorld(given: readonly unknown[] = [{ prefix: 'uploads/' }]): UploadWorld {
  const rules = uploadRulesSchema.parse(given);
  const base = makeWorld();
  const uploads = new MemoryUploads(base);
  const settings = { ...base.services.settings, uploadRules: rules };
  const world: World = { ...base, services: { ...base.services, uploads, settings } };
  const { services } = world;
  const waits = new MemoryWaits();
  finishesAfter(world, MINUTE);
  const startBatch: StartBatch = (start) => createBatch(services, { ...start, isTrusted: true });
  const work = { services, uploads, waits, rules, startBatch };
  const deliver = (data: unknown): Promise<void> => handleUpload(work, { type: FINALIZED, data });
  return {
    ...{ world, uploads, waits, deliver },
    drop: (...file) => deliver(uploads.drop(...file)),
    waitInVain: () => {
      world.clock.advance(UPLOAD_WAIT_MS);
      return sweepUploads(work);
    },
    finish: async () => {
      await runFor(world, 60 * MINUTE);
    },
    prompts: async () => (await world.jobs.all()).map(({ request }) => request.prompt),
    errors: () =>
      Object.fromEntries(
        [...uploads.objects.keys()]
          .filter((name) => name.endsWith('.error.json'))
          .map((name) => [name, errorsOf(uploads.json(name))]),
      ),
  };
}

const errorFileSchema = z.object({ errors: z.array(z.object({ field: z.string(), detail: z.string() })) });

/** As `field: detail`. Empty for a file that users named like an error file. */
const errorsOf = (file: unknown): string[] => {
  const parsed = errorFileSchema.safeParse(file);
  return parsed.success ? parsed.data.errors.map(({ field, detail }) => `${field}: ${detail}`) : [];
};
