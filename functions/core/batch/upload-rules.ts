/** The rules for uploads, and the requests that an uploaded image and an uploaded request become. */
import { z } from 'zod';
import type { ImageMimeType } from '../catalogue/vocabulary.ts';
import { LANES } from '../job/job.ts';
import type { FieldError } from '../problem.ts';
import { isTooDeep, TOO_DEEP } from '../request/json-depth.ts';
import { readField, requestFieldNamed } from '../request/request-body.ts';
import { FILLED_TOO_LONG, fillTemplate, mapPrompts, withoutPlaceholders } from '../request/template.ts';
import { baseOf, partsOf } from './upload-names.ts';

const fields = z.record(z.string(), z.unknown());

/**
 * Folders of the input bucket that Clapper itself writes to: images of requests, rows and manifests of batches, callers'
 * uploads. Upload rules must not match them, or each job's copy of its image would start another job.
 */
const RESERVED_FOLDERS = ['jobs/', 'batches/', 'callers/'];
export const reservedFolderOf = (name: string): string | undefined =>
  RESERVED_FOLDERS.find((folder) => name.startsWith(folder));

const uploadRuleSchema = z.strictObject({
  /** The rule matches objects whose name begins with this. If several rules match, the longest prefix wins. */
  prefix: z.string().superRefine((prefix, context) => {
    const reserved = reservedFolderOf(prefix) ?? RESERVED_FOLDERS.find((folder) => folder.startsWith(prefix));
    if (reserved !== undefined)
      context.addIssue({
        code: 'custom',
        message:
          `'${prefix}' overlaps with ${reserved}, a folder that Clapper itself writes to in the input bucket; ` +
          'use another folder, such as uploads/',
      });
  }),
  /** The caller of the jobs and batches. Default: `upload:{bucket}`. */
  caller: z.string().min(1).optional(),
  /**
   * Default fields of the request for an image and of an uploaded request. Texts may have the placeholders {name}, {path}
   * and, for an image, its metadata keys.
   */
  template: fields.default({}),
  /** Passed to the batch of every manifest under the prefix. */
  batch: z
    .strictObject({
      template: z.unknown(),
      defaults: fields,
      strict: z.boolean(),
      maxSpendUsd: z.number().positive(),
    })
    .partial()
    .default({}),
  /** `required`: an image without a prompt in its metadata waits for its sidecar. */
  sidecar: z.enum(['optional', 'required']).default('optional'),
  /** `required`: an image without a prompt in its metadata, its sidecar or the template is refused. */
  prompt: z.enum(['optional', 'required']).default('optional'),
  lane: z.enum(LANES).default('batch'),
});
export const uploadRulesSchema = z
  .array(uploadRuleSchema)
  .refine(
    (rules) => new Set(rules.map(({ prefix }) => prefix)).size === rules.length,
    'two rules have the same prefix; every rule needs a different one',
  );
export type UploadRule = z.infer<typeof uploadRuleSchema>;

export const uploadCallerOf = (rule: UploadRule, bucket: string): string => rule.caller ?? `upload:${bucket}`;

/** The rule with the longest prefix that matches. */
export function uploadRuleFor(rules: readonly UploadRule[], name: string): UploadRule | undefined {
  if (reservedFolderOf(name) !== undefined) return undefined;
  return rules
    .filter(({ prefix }) => name.startsWith(prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

/**
 * The prompt of a text sidecar. Undefined if the file is not UTF-8, or has zero bytes, as UTF-16 does: a garbled prompt
 * would be paid for.
 */
export function promptOfText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text.trim();
  } catch {
    return undefined;
  }
}

const METADATA_PREFIX = 'clapper-';

/** Request fields in an object's metadata: `prompt`, and `clapper-<field>` for any field. */
export function fieldsOfMetadata(
  metadata: Readonly<Record<string, string>>,
  errors: FieldError[],
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(metadata)) {
    const name = key.toLowerCase() === 'prompt' ? 'prompt' : afterPrefix(key);
    if (name === undefined) continue;
    const field = requestFieldNamed(name);
    if (field === undefined)
      errors.push({ field: `metadata.${key}`, detail: 'is not the name of a job request field.' });
    else {
      found[field] = readField(field, text);
      if (isTooDeep(found[field])) errors.push({ field: `metadata.${key}`, detail: TOO_DEEP });
    }
  }
  return found;
}

/** Whether the metadata of an image has a prompt, so that the image does not need a sidecar. */
export const hasPrompt = (metadata: Readonly<Record<string, string>>): boolean =>
  'prompt' in fieldsOfMetadata(metadata, []);

const afterPrefix = (key: string): string | undefined =>
  key.toLowerCase().startsWith(METADATA_PREFIX) ? key.slice(METADATA_PREFIX.length) : undefined;

export interface ImageArrival {
  readonly bucket: string;
  readonly name: string;
  readonly generation: string;
  readonly mimeType: ImageMimeType;
  readonly rule: UploadRule;
  readonly metadata: Readonly<Record<string, string>>;
  /** Request fields from the sidecar. */
  readonly sidecar: Readonly<Record<string, unknown>> | undefined;
}

/** The request body for an image. Metadata overrides the sidecar, and the sidecar overrides the template. */
export function imageRequest(arrival: ImageArrival, errors: FieldError[]): Record<string, unknown> {
  const { bucket, name, generation, mimeType, rule, metadata, sidecar = {} } = arrival;
  const own = fieldsOfMetadata(metadata, errors);
  if ('image' in own || 'image' in sidecar)
    errors.push({ field: 'image', detail: 'is the uploaded image; remove this field.' });
  const given = { ...sidecar, ...own };
  // Overridden template fields are not filled, because their placeholders may have no value.
  const defaults = Object.entries(rule.template).filter(([field]) => !(field in given));
  const filled = fillDeep(
    Object.fromEntries(defaults),
    { ...metadata, ...namesOf(name) },
    'template',
    errors,
  );
  return {
    lane: rule.lane,
    ...literalPrompts(asFields(filled), given),
    ...given,
    image: { gcsUri: `gs://${bucket}/${name}`, mimeType, generation },
  };
}

function namesOf(path: string): Record<string, string> {
  const { stem } = partsOf(path);
  return { name: baseOf(stem), path };
}

/** The body of an uploaded request. Its fields override the template of the rule. */
export function uploadedRequest(
  rule: UploadRule,
  name: string,
  body: unknown,
  errors: FieldError[],
): unknown {
  const parsed = fields.safeParse(body);
  // Not an object: the request parser reports that.
  if (!parsed.success) return body;
  const defaults = Object.entries(rule.template).filter(([field]) => !(field in parsed.data));
  const filled = fillDeep(Object.fromEntries(defaults), namesOf(name), 'template', errors);
  return { lane: rule.lane, ...literalPrompts(asFields(filled), parsed.data), ...parsed.data };
}

const asFields = (value: unknown): Record<string, unknown> => fields.catch({}).parse(value);

/** The prompts of a template are filled already: braces that a file name or metadata put there are ordinary text. */
function literalPrompts(
  filled: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const areTemplates = 'variables' in filled || 'variables' in given;
  return areTemplates ? { ...filled } : mapPrompts(filled, withoutPlaceholders);
}

/** Fills the placeholders of every text in the value, at any depth. */
function fillDeep(
  value: unknown,
  variables: Readonly<Record<string, string>>,
  at: string,
  errors: FieldError[],
): unknown {
  if (typeof value === 'string') {
    const filled = fillTemplate(value, variables);
    if (filled.isTooLong) errors.push({ field: at, detail: FILLED_TOO_LONG });
    for (const name of filled.missing)
      errors.push({
        field: at,
        detail: `has the placeholder {${name}}, which is neither {name}, {path} nor a metadata key of the object.`,
      });
    for (const fault of filled.faults) errors.push({ field: at, detail: fault });
    return filled.text;
  }
  if (Array.isArray(value)) return value.map((item, n) => fillDeep(item, variables, `${at}.${n}`, errors));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, fillDeep(item, variables, `${at}.${key}`, errors)]),
  );
}
