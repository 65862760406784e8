/** The classification of uploaded objects, and the request for an uploaded image. */
import { describe, expect, it } from 'vitest';
import { arrivalOf, ruleOrReason } from '../../../functions/core/batch/upload-arrival.ts';
import { errorNameOf, sidecarsFor, titleOf } from '../../../functions/core/batch/upload-names.ts';
import {
  fieldsOfMetadata,
  hasPrompt,
  imageRequest,
  promptOfText,
  uploadCallerOf,
  uploadRulesSchema,
} from '../../../functions/core/batch/upload-rules.ts';
import { fileKindOf } from '../../../functions/core/media/file-kind.ts';
import type { FieldError } from '../../../functions/core/problem.ts';
import { JPEG } from '../../support/images.ts';

const rules = uploadRulesSchema.parse([
  { prefix: 'uploads/' },
  { prefix: 'uploads/said/', sidecar: 'required' },
]);
const [rule, said] = rules;
if (!rule || !said) throw new Error('a rule is missing');
const TEXT = fileKindOf(Buffer.from('text'));
const byName = (name: string) => arrivalOf(rule, name, undefined)?.kind;

describe('the kind of an object in the input bucket', () => {
  it('follows from its bytes if these are an image, else from its name', () => {
    for (const name of ['a', 'a.png', 'a.jpg', 'a.jfif', 'a.csv', 'a.json', 'a.txt', 'a.b.c'])
      expect(arrivalOf(rule, `uploads/${name}`, fileKindOf(JPEG))).toEqual({
        kind: 'image',
        mimeType: 'image/jpeg',
      });
    const kinds = ['a.json', 'a.jsonl', 'a.csv', 'a.tsv.gz', 'a.txt', 'a.png', 'a'].map(
      (name) => arrivalOf(rule, `uploads/${name}`, TEXT)?.kind,
    );
    expect(kinds).toEqual(['request', 'manifest', 'manifest', 'manifest', 'sidecar', 'refused', 'refused']);
  });

  it('follows from its name alone once the object is deleted', () => {
    const names = ['a.png', 'a.JPG', 'a.json', 'a.jsonl', 'a.txt', 'a.mp4', 'a'];
    expect(names.map((name) => byName(`uploads/${name}`))).toEqual([
      ...['image', 'image', 'request', 'manifest', 'sidecar', undefined, undefined],
    ]);
  });

  it('is ignored outside all prefixes, in the folders that Clapper writes to, for a folder and an error file', () => {
    expect(ruleOrReason([], 'a.png')).toHaveProperty('ignored');
    expect(ruleOrReason(rules, 'other/a.png')).toHaveProperty('ignored');
    const everything = rules.map((each) => ({ ...each, prefix: '' }));
    for (const name of [
      ...['jobs/j/image-x.png', 'batches/b/rows-x.jsonl', 'callers/c/upl.png', 'a.png.error.json', 'a/'],
    ])
      expect(ruleOrReason(everything, name)).toHaveProperty('ignored');
    expect(ruleOrReason(everything, 'a.png')).toHaveProperty('rule');
    expect(ruleOrReason(rules, 'uploads/said/a.png')).toEqual({ rule: said });
  });

  it('is a sidecar if the name can only be that of a sidecar, or if the rule requires sidecars', () => {
    for (const image of ['cat.png', 'cat.jfif', 'IMG_1.HEIC', 'cat.webp'])
      expect(arrivalOf(rule, `uploads/${image}.json`, TEXT)).toEqual({
        kind: 'sidecar',
        images: [`uploads/${image}`],
      });
    expect(arrivalOf(said, 'uploads/said/cat.json', TEXT)?.kind).toBe('sidecar');
    expect(arrivalOf(rule, 'uploads/cat.txt', TEXT)).toMatchObject({
      images: expect.arrayContaining(['uploads/cat.png', 'uploads/cat.jpg', 'uploads/cat']),
    });
    expect(sidecarsFor('uploads/cat.png')).toEqual([
      ...['json', 'txt', 'JSON', 'TXT'].map((extension) => `uploads/cat.png.${extension}`),
      ...['json', 'txt', 'JSON', 'TXT'].map((extension) => `uploads/cat.${extension}`),
    ]);
    expect(arrivalOf(rule, 'uploads/CAT.TXT', TEXT)).toMatchObject({
      images: expect.arrayContaining(['uploads/CAT.PNG', 'uploads/CAT.JPG']),
    });
  });

  it('belongs to the caller of its rule, or to the bucket if the rule has none', () => {
    expect(uploadCallerOf(rule, 'in')).toBe('upload:in');
    expect(uploadCallerOf({ ...rule, caller: 'me@x.test' }, 'in')).toBe('me@x.test');
  });

  it('needs rules with different prefixes', () => {
    expect(() => uploadRulesSchema.parse([{ prefix: 'a' }, { prefix: 'a' }])).toThrow('the same prefix');
  });

  it('needs prefixes that do not overlap with the folders that Clapper writes to', () => {
    for (const prefix of ['jobs/', 'jobs/mine/', 'batches/', 'callers/me/', 'callers', 'b', ''])
      expect(() => uploadRulesSchema.parse([{ prefix }])).toThrow('that Clapper itself writes to');
    for (const prefix of ['uploads/', 'jobs-of-mine/', 'in/jobs/', 'x'])
      expect(uploadRulesSchema.safeParse([{ prefix }]).success).toBe(true);
  });
});

describe('the request for an uploaded image', () => {
  const request = (over: Partial<Parameters<typeof imageRequest>[0]> = {}) => {
    const errors: FieldError[] = [];
    const [templated] = uploadRulesSchema.parse([
      {
        prefix: 'u/',
        template: { prompt: 'a {mood=quiet} {name}', durationSeconds: 4, labels: { from: '{name}' } },
      },
    ]);
    if (!templated) throw new Error('no rule');
    const picture = { bucket: 'in', name: 'u/cat.png', generation: '7', mimeType: 'image/png' } as const;
    const body = imageRequest(
      { ...picture, rule: templated, metadata: {}, sidecar: undefined, ...over },
      errors,
    );
    return { body, errors };
  };

  it('is the template of its rule, filled with its name and metadata', () => {
    expect(request({ metadata: { mood: 'stormy' } })).toEqual({
      body: {
        lane: 'batch',
        prompt: 'a stormy cat',
        durationSeconds: 4,
        labels: { from: 'cat' },
        image: { gcsUri: 'gs://in/u/cat.png', generation: '7', mimeType: 'image/png' },
      },
      errors: [],
    });
  });

  it('takes fields from the metadata first, then from the sidecar, then from the template', () => {
    const sidecar = { prompt: 'from the sidecar', seed: 7 };
    expect(request({ sidecar }).body).toMatchObject({ prompt: 'from the sidecar', seed: 7 });
    const metadata = { prompt: 'said with {braces}', 'clapper-durationseconds': '6' };
    expect(request({ sidecar, metadata }).body).toMatchObject({
      prompt: 'said with {braces}',
      durationSeconds: 6,
      seed: 7,
    });
  });

  it('is rejected if metadata names an unknown field, or the sidecar has an image', () => {
    expect(request({ metadata: { 'clapper-colour': 'red' } }).errors).toMatchObject([
      { field: 'metadata.clapper-colour' },
    ]);
    expect(request({ sidecar: { image: {} } }).errors).toMatchObject([{ field: 'image' }]);
  });

  it('converts metadata texts to the type of their field', () => {
    const texts = {
      'clapper-aspectRatio': '9:16',
      'clapper-durationSeconds': '8',
      'clapper-generateAudio': 'false',
      'clapper-negativePrompt': '5',
      'clapper-labels': '{"a":"b"}',
    };
    expect(fieldsOfMetadata(texts, [])).toEqual({
      aspectRatio: '9:16',
      durationSeconds: 8,
      generateAudio: false,
      negativePrompt: '5',
      labels: { a: 'b' },
    });
  });
});

describe('the prompt of a text sidecar', () => {
  it('is read as UTF-8, with or without a byte order mark', () => {
    expect(promptOfText(Buffer.from(' ein Kätzchen\n'))).toBe('ein Kätzchen');
    expect(promptOfText(Buffer.from('\ufeffein Kätzchen'))).toBe('ein Kätzchen');
    expect(promptOfText(Buffer.from(''))).toBe('');
  });

  it('is undefined in any other encoding', () => {
    expect(promptOfText(Buffer.from('caf\xe9', 'latin1'))).toBeUndefined();
    expect(promptOfText(Buffer.from('\ufeffa cat', 'utf16le'))).toBeUndefined();
    expect(promptOfText(Buffer.from('a cat', 'utf16le'))).toBeUndefined();
  });
});

describe('the title of a manifest’s batch', () => {
  it('is its object name, or the end of a long name', () => {
    expect(titleOf('uploads/many.csv')).toBe('uploads/many.csv');
    const long = `uploads/${'🐱'.repeat(150)}/many.csv`;
    expect(titleOf(long).length).toBeLessThanOrEqual(200);
    expect(titleOf(long)).toMatch(/^…🐱+\/many\.csv$/u);
    expect(titleOf('x'.repeat(201))).toBe(`…${'x'.repeat(199)}`);
  });
});

describe('the name of an error file', () => {
  it('is that of the object and .error.json, or a shorter one with a hash, within 1,024 bytes of UTF-8', () => {
    const hash = (parts: readonly string[]): string => `${parts.at(-1)?.length}`.padEnd(16, 'h');
    expect(errorNameOf('uploads/cat.png', hash)).toBe('uploads/cat.png.error.json');
    const fits = 'x'.repeat(1013);
    expect(errorNameOf(fits, hash)).toBe(`${fits}.error.json`);
    for (const name of [
      'x'.repeat(1014),
      `${'x'.repeat(1016)}.png`,
      '🐱'.repeat(256),
      `é/${'ä'.repeat(510)}`,
    ]) {
      const short = errorNameOf(name, hash);
      expect(short).toMatch(/~\d{3,4}h+\.error\.json$/);
      expect(short).not.toContain('\ufffd');
      expect(Buffer.byteLength(short)).toBeLessThanOrEqual(1024);
      expect(Buffer.byteLength(short)).toBeGreaterThan(1020);
      expect(Buffer.from(Buffer.from(short)).toString()).toBe(short);
    }
  });
});

describe('an image with a prompt of its own', () => {
  it('has it under the metadata key prompt or clapper-prompt, in any case', () => {
    for (const key of ['prompt', 'Prompt', 'clapper-prompt', 'Clapper-Prompt'])
      expect(hasPrompt({ [key]: 'it purrs' })).toBe(true);
    expect(hasPrompt({ 'clapper-seed': '3', promptly: 'x' })).toBe(false);
  });
});
