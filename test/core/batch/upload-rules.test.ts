/** The classification of uploaded objects, and the request for an uploaded image. */
import { describe, expect, it } from 'vitest';
import {
  type Arrival,
  arrivalOf,
  fieldsOfMetadata,
  hasPrompt,
  imageRequest,
  promptOfText,
  sidecarsFor,
  titleOf,
  uploadCallerOf,
  uploadRulesSchema,
} from '../../../functions/core/batch/upload-rules.ts';
import type { FieldError } from '../../../functions/core/problem.ts';

const rules = uploadRulesSchema.parse([
  { prefix: 'uploads/' },
  { prefix: 'uploads/said/', sidecar: 'required' },
]);
const [rule] = rules;
const kindOf = (name: string, contentType = ''): Arrival['kind'] => arrivalOf(rules, name, contentType).kind;

describe('the kind of an object in the input bucket', () => {
  it('follows from its extension, or from its content type if it has none', () => {
    const kinds = ['a.png', 'a.JPG', 'a.jpeg', 'a.json', 'a.jsonl', 'a.csv', 'a.txt', 'a.mp4', 'a'];
    expect(kinds.map((name) => kindOf(`uploads/${name}`))).toEqual([
      ...['image', 'image', 'image', 'request', 'manifest', 'manifest', 'sidecar', 'ignored', 'ignored'],
    ]);
    expect(kindOf('uploads/a', 'image/png')).toBe('image');
    expect(kindOf('uploads/folder/', 'image/png')).toBe('ignored');
  });

  it('is ignored outside all prefixes, in the folders that Clapper writes to, and for an error file', () => {
    expect(arrivalOf([], 'a.png', '').kind).toBe('ignored');
    expect(kindOf('other/a.png')).toBe('ignored');
    const everything = rules.map((each) => ({ ...each, prefix: '' }));
    for (const name of [
      'jobs/j/image-x.png',
      'batches/b/rows-x.jsonl',
      'callers/c/upl.png',
      'a.png.error.json',
    ])
      expect(arrivalOf(everything, name, '').kind).toBe('ignored');
    expect(arrivalOf(everything, 'a.png', '').kind).toBe('image');
  });

  it('is a sidecar if the name can only be that of a sidecar, or if the rule requires sidecars', () => {
    expect(arrivalOf(rules, 'uploads/cat.png.json', '')).toMatchObject({
      kind: 'sidecar',
      images: ['uploads/cat.png'],
    });
    expect(arrivalOf(rules, 'uploads/said/cat.json', '')).toMatchObject({
      kind: 'sidecar',
      rule: { prefix: 'uploads/said/' },
    });
    expect(arrivalOf(rules, 'uploads/cat.txt', '')).toMatchObject({
      images: expect.arrayContaining(['uploads/cat.png', 'uploads/cat.jpg']),
    });
    expect(sidecarsFor('uploads/cat.png')).toEqual([
      ...['json', 'txt', 'JSON', 'TXT'].map((extension) => `uploads/cat.png.${extension}`),
      ...['json', 'txt', 'JSON', 'TXT'].map((extension) => `uploads/cat.${extension}`),
    ]);
    expect(arrivalOf(rules, 'uploads/CAT.TXT', '')).toMatchObject({
      images: expect.arrayContaining(['uploads/CAT.PNG', 'uploads/CAT.JPG']),
    });
  });

  it('belongs to the caller of its rule, or to the bucket if the rule has none', () => {
    expect(rule && uploadCallerOf(rule, 'in')).toBe('upload:in');
    expect(rule && uploadCallerOf({ ...rule, caller: 'me@x.test' }, 'in')).toBe('me@x.test');
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

describe('an image with a prompt of its own', () => {
  it('has it under the metadata key prompt or clapper-prompt, in any case', () => {
    for (const key of ['prompt', 'Prompt', 'clapper-prompt', 'Clapper-Prompt'])
      expect(hasPrompt({ [key]: 'it purrs' })).toBe(true);
    expect(hasPrompt({ 'clapper-seed': '3', promptly: 'x' })).toBe(false);
  });
});
