/**
 * Classifies an object of the input bucket by its name and content type: an image to animate, a sidecar of an image, a
 * request, a manifest, or none of these. Also builds the request for an image.
 */
import { z } from 'zod';
import type { ImageMimeType } from '../catalogue/vocabulary.ts';
import { LANES } from '../job/job.ts';
import type { FieldError } from '../problem.ts';
import { isTooDeep, TOO_DEEP } from '../request/json-depth.ts';
import { readField, requestFieldNamed } from '../request/request-body.ts';
import { FILLED_TOO_LONG, fillTemplate, mapPrompts, withoutPlaceholders } from '../request/template.ts';

const fields = z.record(z.string(), z.unknown());

/**
 * Folders of the input bucket that Clapper itself writes to: images of requests, rows and manifests of batches, callers'
 * uploads. Upload rules must not match them, or each job's copy of its image would start another job.
 */
const RESERVED_FOLDERS = ['jobs/', 'batches/', 'callers/'];
const reservedFolderOf = (name: string): string | undefined =>
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

export type Arrival =
  | { readonly kind: 'ignored'; readonly why: string }
  /** An image or a table in a format that is not supported. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'image'; readonly rule: UploadRule; readonly mimeType: ImageMimeType }
  /** `images`: names of the images that it may describe, most likely first. */
  | { readonly kind: 'sidecar'; readonly rule: UploadRule; readonly images: readonly string[] }
  /** A request, unless one of `images` exists: then it is the sidecar of that image. */
  | { readonly kind: 'request'; readonly rule: UploadRule; readonly images: readonly string[] }
  | { readonly kind: 'manifest'; readonly rule: UploadRule };

const ERROR_SUFFIX = '.error.json';
const IMAGE_TYPES: Readonly<Record<string, ImageMimeType>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
};
/** Image formats of phones and browsers that no model accepts. */
const OTHER_IMAGES = new Set(['webp', 'gif', 'heic', 'heif', 'avif', 'bmp', 'tif', 'tiff']);
const SPREADSHEETS = new Set(['xlsx', 'xls', 'ods', 'numbers']);
/** Also in upper case, as cameras name their files. */
const IMAGE_EXTENSIONS = ['png', 'jpg', 'jpeg', 'PNG', 'JPG', 'JPEG'];

export const errorNameOf = (name: string): string => `${name}${ERROR_SUFFIX}`;

export function arrivalOf(rules: readonly UploadRule[], name: string, contentType: string): Arrival {
  if (name.endsWith(ERROR_SUFFIX)) return ignored('it is an error file');
  if (reservedFolderOf(name) !== undefined) return ignored('Clapper itself writes to its folder');
  if (name.endsWith('/')) return ignored('it is a folder');
  const rule = uploadRuleFor(rules, name);
  if (!rule) return ignored('its name begins with no prefix of an upload rule');
  const { stem, extension } = partsOf(name);
  // A manifest may be compressed with gzip.
  switch (extension === 'gz' ? `${partsOf(stem).extension}.gz` : extension) {
    case 'jsonl':
    case 'ndjson':
    case 'csv':
    case 'tsv':
    case 'jsonl.gz':
    case 'ndjson.gz':
    case 'csv.gz':
    case 'tsv.gz':
      return { kind: 'manifest', rule };
    case 'txt':
      return { kind: 'sidecar', rule, images: imagesFor(stem) };
    case 'json': {
      // cat.png.json can only describe cat.png. If sidecars are required, every JSON file is one.
      const isSidecar = rule.sidecar === 'required' || partsOf(stem).extension in IMAGE_TYPES;
      return { kind: isSidecar ? 'sidecar' : 'request', rule, images: imagesFor(stem) };
    }
  }
  const mimeType = IMAGE_TYPES[extension] ?? Object.values(IMAGE_TYPES).find((type) => type === contentType);
  if (mimeType) return { kind: 'image', rule, mimeType };
  if (OTHER_IMAGES.has(extension) || contentType.startsWith('image/'))
    return refused('is an image in a format that no model accepts; save it as PNG or JPEG.');
  if (SPREADSHEETS.has(extension)) return refused('is a spreadsheet; export it as CSV (UTF-8).');
  return ignored('it is not an image, a request or a manifest');
}

const refused = (detail: string): Arrival => ({ kind: 'refused', detail });

const ignored = (why: string): Arrival => ({ kind: 'ignored', why });

/** The rule with the longest prefix that matches. */
export function uploadRuleFor(rules: readonly UploadRule[], name: string): UploadRule | undefined {
  if (reservedFolderOf(name) !== undefined) return undefined;
  return rules
    .filter(({ prefix }) => name.startsWith(prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

/** `a/cat.v2.PNG` has the stem `a/cat.v2` and the extension `png`. */
function partsOf(name: string): { readonly stem: string; readonly extension: string } {
  const [, stem = name, extension = ''] = /^(.*[^/])\.([^./]+)$/s.exec(name) ?? [];
  return { stem, extension: extension.toLowerCase() };
}

const imagesFor = (stem: string): string[] =>
  partsOf(stem).extension in IMAGE_TYPES
    ? [stem]
    : IMAGE_EXTENSIONS.map((extension) => `${stem}.${extension}`);

/** Most likely first. Also in upper case, because `CAT.PNG` comes with `CAT.TXT`. */
const SIDECAR_EXTENSIONS = ['json', 'txt', 'JSON', 'TXT'];

/** Names of an image's possible sidecars. The first that exists is used. */
export function sidecarsFor(imageName: string): readonly string[] {
  const { stem } = partsOf(imageName);
  return [imageName, stem].flatMap((name) => SIDECAR_EXTENSIONS.map((extension) => `${name}.${extension}`));
}

/** Whether the file may also be a request: `cat.json` may be one, `cat.png.json` may not. */
export function isAmbiguousSidecar(rule: UploadRule, imageName: string, sidecar: string): boolean {
  const { stem, extension } = partsOf(sidecar);
  return rule.sidecar === 'optional' && extension === 'json' && stem === partsOf(imageName).stem;
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
  return { name: stem.slice(stem.lastIndexOf('/') + 1), path };
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

const TITLE_MAX = 200;

/** The title of a manifest's batch: the object name. A long name loses its beginning, because the end says more. */
export function titleOf(name: string): string {
  if (name.length <= TITLE_MAX) return name;
  // Do not begin with half of a surrogate pair.
  return `…${name.slice(1 - TITLE_MAX).replace(/^[\uDC00-\uDFFF]/, '')}`;
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
