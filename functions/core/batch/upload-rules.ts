/**
 * What an object of the input bucket is, by its name and type alone: a picture to be animated, what is said about one, a
 * request, a manifest, or nothing of ours. And the request that a picture becomes.
 */
import { z } from 'zod';
import type { ImageMimeType } from '../catalogue/catalogue.ts';
import type { FieldError } from '../problem.ts';
import { isTooDeep, TOO_DEEP } from '../request/json-depth.ts';
import { readField, requestFieldNamed } from '../request/request-body.ts';
import { FILLED_TOO_LONG, fillTemplate } from '../request/template.ts';

const fields = z.record(z.string(), z.unknown());

/**
 * Where Clapper itself writes in the input bucket: pictures of requests, rows and manifests of batches, callers' uploads.
 * What became of what it wrote there would be written there again.
 */
const OWN_FOLDERS = ['jobs/', 'batches/', 'callers/'];
const ownFolderOf = (name: string): string | undefined =>
  OWN_FOLDERS.find((folder) => name.startsWith(folder));

const uploadRuleSchema = z.strictObject({
  /** Objects whose names begin with it; of several rules the longest prefix wins. */
  prefix: z.string().superRefine((prefix, context) => {
    const own = ownFolderOf(prefix) ?? OWN_FOLDERS.find((folder) => folder.startsWith(prefix));
    if (own !== undefined)
      context.addIssue({
        code: 'custom',
        message:
          `'${prefix}' is, lies in or contains ${own}, where Clapper writes itself in the input bucket; ` +
          'name a folder of its own, like uploads/',
      });
  }),
  /** Whose jobs they become. Default: `upload:{bucket}`. */
  caller: z.string().min(1).optional(),
  /** Fields of the request that a picture becomes, and defaults of a request. Texts may use {name}, {path} and metadata. */
  template: fields.default({}),
  /** Passed on with every manifest under the prefix. */
  batch: z
    .strictObject({
      template: z.unknown(),
      defaults: fields,
      strict: z.boolean(),
      maxSpendUsd: z.number().positive(),
    })
    .partial()
    .default({}),
  /** `required`: a picture waits for the file that says what to make of it. */
  sidecar: z.enum(['optional', 'required']).default('optional'),
  lane: z.enum(['interactive', 'batch']).default('batch'),
});
export const uploadRulesSchema = z
  .array(uploadRuleSchema)
  .refine(
    (rules) => new Set(rules.map(({ prefix }) => prefix)).size === rules.length,
    'two rules have the same prefix',
  );
export type UploadRule = z.infer<typeof uploadRuleSchema>;

export const uploadCallerOf = (rule: UploadRule, bucket: string): string => rule.caller ?? `upload:${bucket}`;

export type Arrival =
  | { readonly kind: 'ignored'; readonly why: string }
  /** Evidently meant to become something, and of a kind that nothing is made of. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'image'; readonly rule: UploadRule; readonly mimeType: ImageMimeType }
  /** `images`: the pictures that it may be about, likeliest first. */
  | { readonly kind: 'sidecar'; readonly rule: UploadRule; readonly images: readonly string[] }
  /** A request, unless one of `images` is there: then it is about that one. */
  | { readonly kind: 'request'; readonly rule: UploadRule; readonly images: readonly string[] }
  | { readonly kind: 'manifest'; readonly rule: UploadRule };

const ERROR_SUFFIX = '.error.json';
const IMAGE_TYPES: Readonly<Record<string, ImageMimeType>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
};
/** Pictures as phones and browsers make them, which no model takes. */
const OTHER_PICTURES = new Set(['webp', 'gif', 'heic', 'heif', 'avif', 'bmp', 'tif', 'tiff']);
const SPREADSHEETS = new Set(['xlsx', 'xls', 'ods', 'numbers']);
/** Upper case too: that is how cameras name their files. */
const IMAGE_EXTENSIONS = ['png', 'jpg', 'jpeg', 'PNG', 'JPG', 'JPEG'];

export const errorNameOf = (name: string): string => `${name}${ERROR_SUFFIX}`;

export function arrivalOf(rules: readonly UploadRule[], name: string, contentType: string): Arrival {
  if (name.endsWith(ERROR_SUFFIX)) return ignored('it tells of an error');
  if (ownFolderOf(name) !== undefined) return ignored('Clapper writes there itself');
  if (name.endsWith('/')) return ignored('it is a folder');
  const rule = uploadRuleFor(rules, name);
  if (!rule) return ignored('no rule has a prefix for it');
  const { stem, extension } = partsOf(name);
  // A manifest may be zipped.
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
      // cat.png.json can only be about cat.png, and where pictures need such files every one is.
      const about = rule.sidecar === 'required' || partsOf(stem).extension in IMAGE_TYPES;
      return { kind: about ? 'sidecar' : 'request', rule, images: imagesFor(stem) };
    }
  }
  const mimeType = IMAGE_TYPES[extension] ?? Object.values(IMAGE_TYPES).find((type) => type === contentType);
  if (mimeType) return { kind: 'image', rule, mimeType };
  if (OTHER_PICTURES.has(extension) || contentType.startsWith('image/'))
    return refused('is a picture of a kind that no model takes; save it as PNG or JPEG.');
  if (SPREADSHEETS.has(extension)) return refused('is a spreadsheet; export it as CSV (UTF-8).');
  return ignored('it is no picture, request or manifest');
}

const refused = (detail: string): Arrival => ({ kind: 'refused', detail });

const ignored = (why: string): Arrival => ({ kind: 'ignored', why });

/** The rule for this name. */
export function uploadRuleFor(rules: readonly UploadRule[], name: string): UploadRule | undefined {
  if (ownFolderOf(name) !== undefined) return undefined;
  return rules
    .filter(({ prefix }) => name.startsWith(prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

/** Of `a/cat.v2.PNG` the stem is `a/cat.v2` and the extension `png`. */
function partsOf(name: string): { readonly stem: string; readonly extension: string } {
  const [, stem = name, extension = ''] = /^(.*[^/])\.([^./]+)$/s.exec(name) ?? [];
  return { stem, extension: extension.toLowerCase() };
}

const imagesFor = (stem: string): string[] =>
  partsOf(stem).extension in IMAGE_TYPES
    ? [stem]
    : IMAGE_EXTENSIONS.map((extension) => `${stem}.${extension}`);

/** Likeliest first. Upper case too: beside `CAT.PNG` lies `CAT.TXT`. */
const SIDECAR_EXTENSIONS = ['json', 'txt', 'JSON', 'TXT'];

/** What may be said about a picture, the first that is there. */
export function sidecarsFor(imageName: string): readonly string[] {
  const { stem } = partsOf(imageName);
  return [imageName, stem].flatMap((name) => SIDECAR_EXTENSIONS.map((extension) => `${name}.${extension}`));
}

/** Where only a longer name is beyond doubt: `cat.json` may be a request of its own. */
export function isDoubtfulSidecar(rule: UploadRule, imageName: string, sidecar: string): boolean {
  const { stem, extension } = partsOf(sidecar);
  return rule.sidecar === 'optional' && extension === 'json' && stem === partsOf(imageName).stem;
}

/**
 * What a sidecar of text says: the prompt. Nothing where it is no UTF-8, or has zero bytes as UTF-16 has: a prompt made
 * of something else would be paid for.
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

/** What an object's own metadata says of its request: `prompt`, and `clapper-<field>` for any field. */
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
      errors.push({ field: `metadata.${key}`, detail: 'names no field of a job request.' });
    else {
      found[field] = readField(field, text);
      if (isTooDeep(found[field])) errors.push({ field: `metadata.${key}`, detail: TOO_DEEP });
    }
  }
  return found;
}

/** Whether the picture itself says what to make of it, so that it need not wait for anything. */
export const saysItself = (metadata: Readonly<Record<string, string>>): boolean =>
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
  /** Fields that the sidecar gives. */
  readonly sidecar: Readonly<Record<string, unknown>> | undefined;
}

/** The body of the request for a picture: metadata before sidecar before template. */
export function imageRequest(arrival: ImageArrival, errors: FieldError[]): Record<string, unknown> {
  const { bucket, name, generation, mimeType, rule, metadata, sidecar = {} } = arrival;
  const own = fieldsOfMetadata(metadata, errors);
  if ('image' in own || 'image' in sidecar)
    errors.push({ field: 'image', detail: 'is the picture itself and cannot be given.' });
  const given = { ...sidecar, ...own };
  // What is said otherwise needs no filling: its placeholders may have no value.
  const defaults = Object.entries(rule.template).filter(([field]) => !(field in given));
  const filled = fillDeep(
    Object.fromEntries(defaults),
    { ...metadata, ...namesOf(name) },
    'template',
    errors,
  );
  return {
    lane: rule.lane,
    ...asFields(filled),
    ...given,
    image: { gcsUri: `gs://${bucket}/${name}`, mimeType, generation },
  };
}

function namesOf(path: string): Record<string, string> {
  const { stem } = partsOf(path);
  return { name: stem.slice(stem.lastIndexOf('/') + 1), path };
}

/** A request as it was uploaded, over the defaults of its prefix. */
export function uploadedRequest(
  rule: UploadRule,
  name: string,
  body: unknown,
  errors: FieldError[],
): unknown {
  const parsed = fields.safeParse(body);
  // Whatever it is, the parser of requests says best what it should be.
  if (!parsed.success) return body;
  const defaults = Object.entries(rule.template).filter(([field]) => !(field in parsed.data));
  const filled = fillDeep(Object.fromEntries(defaults), namesOf(name), 'template', errors);
  return { lane: rule.lane, ...asFields(filled), ...parsed.data };
}

const TITLE_MAX = 200;

/** The title of a manifest's batch: its name, or the end of a long one, which tells more than the folders before it. */
export function titleOf(name: string): string {
  if (name.length <= TITLE_MAX) return name;
  // Half of a character outside the basic plane is no text.
  return `…${name.slice(1 - TITLE_MAX).replace(/^[\uDC00-\uDFFF]/, '')}`;
}

const asFields = (value: unknown): Record<string, unknown> => fields.catch({}).parse(value);

/** Every text in it, however deep, as a template. */
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
      errors.push({ field: at, detail: `needs {${name}}, which neither the name nor the metadata gives.` });
    for (const fault of filled.faults) errors.push({ field: at, detail: fault });
    return filled.text;
  }
  if (Array.isArray(value)) return value.map((item, n) => fillDeep(item, variables, `${at}.${n}`, errors));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, fillDeep(item, variables, `${at}.${key}`, errors)]),
  );
}
