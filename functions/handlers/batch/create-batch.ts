/** Accepts a batch: validates everything except the manifest's rows before anything is written. */
import { z } from 'zod';
import type { Batch } from '../../core/batch/batch.ts';
import { batchPrefixOf } from '../../core/batch/batch.ts';
import { newBatch } from '../../core/batch/step-batch.ts';
import { defined } from '../../core/defined.ts';
import { LANES } from '../../core/job/job.ts';
import { FORMATS } from '../../core/manifest/manifest-start.ts';
import { isNameWithinLimits, NAME_TOO_LONG } from '../../core/media/object-name.ts';
import { didYouMean } from '../../core/near-miss.ts';
import { type FieldError, invalidRequest, ProblemError } from '../../core/problem.ts';
import { objectGeneration, REQUEST_FIELDS } from '../../core/request/request-body.ts';
import { fieldOf } from '../../core/shown.ts';
import type { Services } from '../../ports.ts';
import { parseAs } from '../http/parse-as.ts';
import { canonicalJson } from '../job/create-job.ts';
import { mayRead } from '../job/inputs.ts';
import { enqueueBatchTask } from './batch.ts';
import { batchIdOf } from './batch-work.ts';

/** The most rows that one request can process; longer lists have to be manifests in a bucket. */
const INLINE_ROWS_MAX = 1_000;
/** The batch's record is one Firestore document and is read for every chunk. */
const TEMPLATE_BYTES_MAX = 64 * 1024;

const partialRequest = z.record(z.string(), z.unknown());
const bodySchema = z.strictObject({
  manifest: z
    .strictObject({
      gcsUri: z
        .string()
        .regex(/^gs:\/\/[^/]+\/.+$/, 'must be gs://bucket/name')
        .refine((uri) => isNameWithinLimits(uri), NAME_TOO_LONG),
      /** Reads this generation, even if it was replaced since. Default: the current one. */
      generation: objectGeneration.optional(),
      format: z.enum(FORMATS).optional(),
    })
    .optional(),
  rows: z
    .array(z.unknown())
    .min(1)
    .max(
      INLINE_ROWS_MAX,
      `has more than ${INLINE_ROWS_MAX} entries; put them in a file in a bucket and use manifest.gcsUri`,
    )
    .optional(),
  template: partialRequest.optional(),
  defaults: partialRequest.optional(),
  strict: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  maxSpendUsd: z.number().positive().optional(),
  lane: z.enum(LANES).default('batch'),
  title: z.string().min(1).max(200).optional(),
  reportPrefix: z
    .string()
    .max(500)
    .regex(
      /^(?!jobs\/|claims\/|\/|\.)[^\r\n]+\/$/,
      'must be a folder of the output bucket that ends with / and is not under jobs/ or claims/',
    )
    .default('batches/'),
});
type Body = z.infer<typeof bodySchema>;

const WORDS = {
  what: 'a batch',
  example: '{"manifest": {"gcsUri": "gs://bucket/rows.csv"}}',
  examples: {
    manifest: { gcsUri: 'gs://bucket/rows.csv' },
    rows: [{ prompt: 'a cat on a sofa' }],
    template: { prompt: 'A {animal} in {city}' },
    defaults: { resolution: '720p' },
    maxSpendUsd: 10,
    title: 'cats',
  },
};

export interface NewBatch {
  readonly caller: string;
  readonly body: unknown;
  /** I5: the same cause gives the same batch. Absent: a new batch for each call. */
  readonly cause?: readonly string[] | undefined;
  readonly trace?: string | undefined;
  /** The deployment named the manifest, not the caller, so the caller's read permission is not checked. */
  readonly isTrusted?: boolean | undefined;
}

/**
 * @returns `created: false` if the same request with the same cause has created this batch before
 * @throws ProblemError 400 for an invalid request, 422 for a different request with the same cause
 */
export async function createBatch(
  services: Services,
  { caller, body: raw, cause, trace, isTrusted = false }: NewBatch,
): Promise<{ readonly batch: Batch; readonly created: boolean }> {
  const { clock, ids, batches, log } = services;
  const fingerprint = ids.hash(['batch-request', canonicalJson(raw)]);
  const batchId = cause ? batchIdOf(ids, cause) : ids.newAttemptId().replace('att_', 'bat_');
  // The deployment's own causes are files and times, whose configuration may have changed since.
  const same = (other: Batch): Batch => (isTrusted ? other : sameRequest(other, fingerprint));
  const before = cause && (await batches.get(batchId));
  if (before) return { batch: same(before), created: false };
  const body = parseBatchBody(raw);
  const source = await sourceOf(services, body, { caller, batchId, isTrusted });
  const { template, defaults, strict, dryRun, maxSpendUsd, lane, reportPrefix, title } = body;
  const settings = { template, defaults, strict, dryRun, maxSpendUsd, lane, reportPrefix };
  const first = newBatch(
    { batchId, caller, title, trace, fingerprint, source, settings },
    { now: clock.now() },
  );
  if ((await batches.create(first.batch)) === 'exists') {
    const other = await batches.get(batchId);
    if (!other) throw new Error(`batch ${batchId} exists but cannot be read`);
    return { batch: same(other), created: false };
  }
  log('INFO', `batch ${batchId}: accepted`, { batch: batchId, caller, trace });
  if (first.wake) await enqueueBatchTask(services, { batchId, wake: first.wake });
  return { batch: first.batch, created: true };
}

function parseBatchBody(raw: unknown): Body {
  const body = parseAs(bodySchema, raw, WORDS);
  const errors: FieldError[] = [];
  const { manifest, rows } = body;
  if (manifest === undefined && rows === undefined)
    errors.push({
      field: 'manifest',
      detail: 'is required unless rows is given; send exactly one of the two.',
    });
  if (manifest !== undefined && rows !== undefined)
    errors.push({ field: 'manifest', detail: 'is given beside rows; send exactly one of the two.' });
  for (const field of ['template', 'defaults'] as const) {
    const given = body[field];
    const unknown = Object.keys(given ?? {}).filter((name) => !REQUEST_FIELDS.has(name));
    for (const name of unknown)
      errors.push({
        field: fieldOf([field, name]),
        detail: `is not a field of a job request${didYouMean(name, [...REQUEST_FIELDS]) || '; see the README for the fields.'}`,
      });
    if (JSON.stringify(given ?? {}).length > TEMPLATE_BYTES_MAX)
      errors.push({ field, detail: `is longer than ${TEMPLATE_BYTES_MAX} bytes; use gcsUri for images.` });
  }
  if (errors.length > 0) throw invalidRequest(errors);
  return body;
}

/** Returns the object to read the rows from. Inline rows are stored in the input bucket first. */
async function sourceOf(
  services: Services,
  { manifest, rows = [] }: Body,
  {
    caller,
    batchId,
    isTrusted,
  }: { readonly caller: string; readonly batchId: string; readonly isTrusted: boolean },
): Promise<Batch['source']> {
  const { inputs, ids } = services;
  if (!manifest) {
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    // Named by content: two requests that race under one key must not read each other's rows.
    const name = `${batchPrefixOf(batchId)}rows-${ids.hash([text])}.jsonl`;
    const gcsUri = await inputs.putOnce(name, 'application/jsonl', Buffer.from(text));
    const stored = await inputs.head(gcsUri);
    if (!stored) throw new Error(`${gcsUri} was written but does not exist`);
    return { gcsUri, generation: stored.generation, format: 'jsonl', isInline: true };
  }
  const { gcsUri, format } = manifest;
  const refused = (detail: string): ProblemError => invalidRequest([{ field: 'manifest.gcsUri', detail }]);
  if (!isTrusted && !mayRead(services, caller, gcsUri))
    throw refused('is not in a bucket and folder that this caller may read from.');
  const found = await inputs.head(gcsUri, manifest.generation);
  if (!found && manifest.generation !== undefined) {
    const detail = `is ${manifest.generation}, which no longer exists: ${gcsUri} was replaced or deleted. Upload the manifest again.`;
    throw invalidRequest([{ field: 'manifest.generation', detail }]);
  }
  if (!found) throw refused(`is ${gcsUri}, which does not exist.`);
  return { gcsUri, generation: found.generation, ...defined({ format }), isInline: false };
}

function sameRequest(batch: Batch, fingerprint: string): Batch {
  if (batch.fingerprint === fingerprint) return batch;
  throw new ProblemError({
    status: 422,
    code: 'idempotency-key-reused',
    title: 'This Idempotency-Key was used for another request',
    detail: `The key was used for batch ${batch.batchId} with a different body. Send the same body, or use a new key.`,
  });
}
