/**
 * Every combination of model, parameter and value: a request is accepted exactly when Google's documents allow it. The
 * rules are written here a second time, from the documents and in another form, so that a mistake in either shows.
 */
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { ProblemError } from '../../../functions/core/problem.ts';
import {
  completeRequest,
  type FoundInputs,
  NO_INPUTS,
  parseRequest,
} from '../../../functions/core/request/request.ts';

interface Allowed {
  readonly modes: string;
  readonly seconds: readonly number[];
  readonly resolutions: string;
  readonly samples: number;
  readonly audio: boolean;
  readonly seedMax: number;
  readonly takes: string;
  readonly people: string;
  /** Values of `personGeneration` in the EU, the UK, Switzerland and MENA. */
  readonly peopleRestricted: string;
  /** The Developer API allows 1080p, 4k, a last frame and references only at 8 s, and has its own rules for people. */
  readonly isDeveloper: boolean;
  readonly adds: readonly number[];
  /** At most so many reference images. */
  readonly references: number;
  /** At most so many reference videos. */
  readonly referenceVideos: number;
}

const VERTEX = {
  seconds: [4, 6, 8],
  samples: 4,
  audio: true,
  seedMax: 4294967295,
  takes: 'negativePrompt enhancePrompt resizeMode compressionQuality fps labels pubsubTopic',
  people: 'allow_adult dont_allow allow_all',
  peopleRestricted: 'allow_adult dont_allow',
  isDeveloper: false,
  adds: [7],
  references: 3,
  referenceVideos: 0,
};
const PREVIEW = {
  seconds: [4, 6, 8],
  samples: 1,
  audio: false,
  seedMax: -1,
  takes: 'negativePrompt enhancePrompt',
  people: '',
  peopleRestricted: 'allow_adult',
  isDeveloper: true,
  adds: [7],
  references: 3,
  referenceVideos: 0,
};
const OMNI = {
  modes: 'text image firstLast references extension edit upscale',
  resolutions: '360p 720p 1080p 4k',
  samples: 1,
  audio: false,
  seedMax: 2147483647,
  takes: 'labels',
  people: '',
  peopleRestricted: '',
  isDeveloper: false,
  adds: [3, 4, 5, 6, 7, 8, 9, 10],
  references: 6,
  referenceVideos: 3,
};
const ALL_MODES = 'text image firstLast references extension';
const DOCUMENTS: Readonly<Record<string, Allowed>> = {
  'vertex/veo-3.1-generate-001': { ...VERTEX, modes: ALL_MODES, resolutions: '720p 1080p 4k' },
  'vertex/veo-3.1-fast-generate-001': { ...VERTEX, modes: ALL_MODES, resolutions: '720p 1080p 4k' },
  'vertex/veo-3.1-lite-generate-001': {
    ...VERTEX,
    modes: 'text image firstLast extension',
    resolutions: '720p 1080p',
  },
  'gemini/veo-3.1-generate-preview': {
    ...PREVIEW,
    modes: ALL_MODES,
    resolutions: '720p 1080p 4k',
  },
  'gemini/veo-3.1-fast-generate-preview': {
    ...PREVIEW,
    modes: ALL_MODES,
    resolutions: '720p 1080p 4k',
  },
  'gemini/veo-3.1-lite-generate-preview': {
    ...PREVIEW,
    modes: 'text image extension',
    resolutions: '720p 1080p',
  },
  'omni/gemini-omni-1.2-flash': {
    ...OMNI,
    seconds: [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  },
  'omni/gemini-omni-1.1-flash': { ...OMNI, seconds: [3, 4, 5, 6, 7, 8, 9, 10] },
};

const IMAGE = { gcsUri: 'gs://in/a.png', mimeType: 'image/png' };
const INPUTS = {
  text: {},
  image: { image: IMAGE },
  firstLast: { image: IMAGE, lastFrame: IMAGE },
  references: { referenceImages: [{ image: IMAGE }] },
  extension: { video: { gcsUri: 'gs://out/a.mp4' } },
  edit: { video: { gcsUri: 'gs://out/a.mp4' }, task: 'edit' },
  upscale: { video: { gcsUri: 'gs://out/a.mp4' }, task: 'upscale', resolution: '720p' },
} as const;
type Mode = keyof typeof INPUTS;
const MODES: readonly Mode[] = ['text', 'image', 'firstLast', 'references', 'extension', 'edit', 'upscale'];

const RULES = {
  catalogue: CATALOGUE,
  today: '2026-11-21',
  allowRetired: true,
  aliasRetired: false,
  restrictedRegion: false,
  pubsubTopics: ['projects/p/topics/t'],
};

function isAccepted(
  body: Record<string, unknown>,
  mode: Mode,
  rules = RULES,
  found: FoundInputs = NO_INPUTS,
): boolean {
  try {
    const video = { gcsUri: 'gs://out/a.mp4', mimeType: 'video/mp4', durationSeconds: 8 } as const;
    completeRequest(parseRequest(body, rules), 'video' in INPUTS[mode] ? { ...found, video } : found);
    return true;
  } catch (error) {
    if (error instanceof ProblemError) return false;
    throw error;
  }
}

const has = (words: string, word: string): boolean => words.split(' ').includes(word);

/** From the Developer API's table: text and extension take one value, modes with an image another. */
function peopleIn(model: Allowed, mode: Mode): string {
  if (!model.isDeveloper) return model.people;
  return mode === 'text' || mode === 'extension' ? 'allow_all' : 'allow_adult';
}

/** Whether the documents allow this value in this mode, with all other parameters at their defaults. */
function allows(model: Allowed, mode: Mode, parameter: string, value: unknown): boolean {
  if (!has(model.modes, mode)) return false;
  const number = typeof value === 'number' && Number.isInteger(value) ? value : undefined;
  switch (parameter) {
    case 'durationSeconds': {
      if (number === undefined) return false;
      // An edited or upscaled video keeps its length.
      if (mode === 'edit' || mode === 'upscale') return false;
      if (mode === 'extension') return model.adds.includes(number);
      // A video with references has eight seconds. Only Omni's documents set no length.
      if (mode === 'references' && !has(model.resolutions, '360p')) return number === 8;
      if (mode === 'firstLast' && model.isDeveloper) return number === 8;
      // Omni makes at most ten seconds between two frames.
      if (mode === 'firstLast' && number > 10) return false;
      return model.seconds.includes(number);
    }
    case 'resolution':
      // The Developer API extends videos only at 720p.
      return (
        typeof value === 'string' &&
        has(model.resolutions, value) &&
        !(mode === 'extension' && model.isDeveloper && value !== '720p')
      );
    case 'aspectRatio':
      return value === '16:9' || (value === '9:16' && !(model.isDeveloper && mode === 'references'));
    case 'sampleCount':
      return number !== undefined && number >= 1 && number <= model.samples;
    case 'seed':
      return number !== undefined && number >= 0 && number <= model.seedMax;
    case 'generateAudio':
      return model.audio && typeof value === 'boolean';
    case 'personGeneration':
      return typeof value === 'string' && value !== '' && has(peopleIn(model, mode), value);
    case 'negativePrompt':
      return has(model.takes, parameter) && typeof value === 'string';
    case 'enhancePrompt':
      return has(model.takes, parameter) && typeof value === 'boolean';
    case 'resizeMode':
      return has(model.takes, parameter) && (value === 'pad' || value === 'crop');
    case 'compressionQuality':
      return has(model.takes, parameter) && (value === 'optimized' || value === 'lossless');
    case 'fps':
      return has(model.takes, parameter) && value === 24;
    case 'labels':
      return has(model.takes, parameter) && ['{}', '{"team":"x"}'].includes(JSON.stringify(value));
    case 'pubsubTopic':
      return has(model.takes, parameter) && value === 'projects/p/topics/t';
    default:
      return false;
  }
}

const STRANGE = [null, '', 'x', true, [], {}, 1.5, Number.MAX_SAFE_INTEGER];
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  durationSeconds: [...Array.from({ length: 20 }, (_, n) => n - 1), '8', ...STRANGE],
  resolution: ['360p', '480p', '720p', '1080p', '1440p', '4k', '4K', 720, ...STRANGE],
  aspectRatio: ['16:9', '9:16', '1:1', '4:3', '16/9', ...STRANGE],
  sampleCount: [-1, 0, 1, 2, 3, 4, 5, '1', ...STRANGE],
  seed: [-1, 0, 1, 2147483647, 2147483648, 4294967295, 4294967296, '0', ...STRANGE],
  generateAudio: [true, false, 'true', 0, 1, ...STRANGE],
  personGeneration: ['allow_adult', 'dont_allow', 'allow_all', 'disallow', 'ALLOW_ADULT', ...STRANGE],
  negativePrompt: ['dogs', '', ...STRANGE],
  enhancePrompt: [true, false, 'yes', 'no', ...STRANGE],
  resizeMode: ['pad', 'crop', 'PAD', ...STRANGE],
  compressionQuality: ['optimized', 'lossless', 'OPTIMIZED', ...STRANGE],
  fps: [24, 25, '24', ...STRANGE],
  labels: [{ team: 'x' }, { Team: 'x' }, { team: 'X' }, { team: 1 }, { '': 'x' }, ...STRANGE],
  pubsubTopic: ['projects/p/topics/t', 'projects/p/topics/u', 'topics/t', ...STRANGE],
  storageUri: ['gs://mine/', ...STRANGE],
};

describe('the table of video models', () => {
  it('has every video model of the catalogue', () => {
    const names = CATALOGUE.models
      .filter(({ kind }) => kind === 'video')
      .map(({ provider, model }) => `${provider}/${model}`);
    expect(Object.keys(DOCUMENTS).sort()).toEqual(names.sort());
  });

  it('accepts a value exactly when the documents allow it', () => {
    let rows = 0;
    const wrong: string[] = [];
    for (const [name, model] of Object.entries(DOCUMENTS)) {
      const [provider, id] = name.split('/');
      for (const mode of MODES) {
        for (const [parameter, values] of Object.entries(VALUES)) {
          for (const value of values) {
            rows++;
            const body = { prompt: 'a cat', provider, model: id, ...INPUTS[mode], [parameter]: value };
            const expected = allows(model, mode, parameter, value);
            if (isAccepted(body, mode) !== expected) {
              wrong.push(
                `${name} ${mode} ${parameter}=${JSON.stringify(value)}: should be ${expected ? 'accepted' : 'refused'}`,
              );
            }
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(rows).toBeGreaterThan(5000);
  });

  it('accepts a personGeneration exactly when the region of the deployment allows it, in every mode', () => {
    const wrong: string[] = [];
    const rules = { ...RULES, restrictedRegion: true };
    for (const [name, model] of Object.entries(DOCUMENTS)) {
      const [provider, id] = name.split('/');
      for (const mode of MODES.filter((each) => has(model.modes, each))) {
        for (const personGeneration of ['allow_adult', 'dont_allow', 'allow_all', 'disallow']) {
          const expected = has(model.peopleRestricted, personGeneration);
          const body = { prompt: 'a cat', provider, model: id, ...INPUTS[mode], personGeneration };
          if (isAccepted(body, mode, rules) !== expected)
            wrong.push(`${name} ${mode} ${personGeneration}: ${expected}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('accepts a number of reference images exactly when the documents allow it', () => {
    const wrong: string[] = [];
    for (const [name, model] of Object.entries(DOCUMENTS).filter(([, each]) =>
      has(each.modes, 'references'),
    )) {
      const [provider, id] = name.split('/');
      for (let count = 1; count <= 11; count++) {
        const referenceImages = Array.from({ length: count }, () => ({ image: IMAGE }));
        const body = { prompt: 'a cat', provider, model: id, referenceImages };
        if (isAccepted(body, 'references') !== count <= model.references) wrong.push(`${name} ${count}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('accepts a number and a length of reference videos exactly when the documents allow it', () => {
    const wrong: string[] = [];
    const gcsUri = 'gs://in/a.mp4';
    for (const [name, model] of Object.entries(DOCUMENTS)) {
      const [provider, id] = name.split('/');
      for (let count = 1; count <= 5; count++) {
        for (const durationSeconds of [0.5, 3, 3.05, 3.2, 8]) {
          const all = Array.from({ length: count }, () => ({ video: { gcsUri } }));
          const body = { prompt: 'a cat', provider, model: id, referenceVideos: all };
          const referenceVideos = all.map(
            () => ({ gcsUri, mimeType: 'video/mp4', durationSeconds }) as const,
          );
          // A cut ends at a frame or an audio packet: a tenth of a second is not an error.
          const expected = count <= model.referenceVideos && durationSeconds <= 3.1;
          if (isAccepted(body, 'text', RULES, { ...NO_INPUTS, referenceVideos }) !== expected)
            wrong.push(`${name} ${count} of ${durationSeconds} s: ${expected}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('accepts a duration and a resolution exactly when the documents allow the combination', () => {
    const wrong: string[] = [];
    for (const [name, model] of Object.entries(DOCUMENTS)) {
      const [provider, id] = name.split('/');
      for (const mode of MODES) {
        for (let durationSeconds = 1; durationSeconds <= 16; durationSeconds++) {
          for (const resolution of ['360p', '720p', '1080p', '4k']) {
            const expected =
              allows(model, mode, 'durationSeconds', durationSeconds) &&
              allows(model, mode, 'resolution', resolution) &&
              !(model.isDeveloper && resolution !== '720p' && durationSeconds !== 8);
            const body = {
              prompt: 'a cat',
              provider,
              model: id,
              ...INPUTS[mode],
              durationSeconds,
              resolution,
            };
            if (isAccepted(body, mode) !== expected)
              wrong.push(`${name} ${mode} ${durationSeconds} s ${resolution}: ${expected}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('the prices of video models', () => {
  // US dollars a second, with audio and without. Where sources disagree, the highest.
  const PRICES: Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>> = {
    'vertex/veo-3.1-generate-001': { '720p': [0.4, 0.2], '1080p': [0.4, 0.2], '4k': [0.6, 0.4] },
    'vertex/veo-3.1-fast-generate-001': { '720p': [0.1, 0.08], '1080p': [0.12, 0.1], '4k': [0.3, 0.25] },
    'vertex/veo-3.1-lite-generate-001': { '720p': [0.05, 0.03], '1080p': [0.08, 0.05] },
    'gemini/veo-3.1-generate-preview': { '720p': [0.4, 0.4], '1080p': [0.4, 0.4], '4k': [0.6, 0.6] },
    'gemini/veo-3.1-fast-generate-preview': { '720p': [0.1, 0.1], '1080p': [0.12, 0.12], '4k': [0.3, 0.3] },
    'gemini/veo-3.1-lite-generate-preview': { '720p': [0.05, 0.05], '1080p': [0.08, 0.08] },
    'omni/gemini-omni-1.2-flash': {
      '360p': [0.0232, 0.0232],
      '720p': [0.07, 0.07],
      '1080p': [0.105, 0.105],
      '4k': [0.21, 0.21],
    },
    'omni/gemini-omni-1.1-flash': {
      '360p': [0.0338, 0.0338],
      '720p': [0.1014, 0.1014],
      '1080p': [0.1521, 0.1521],
      '4k': [0.3041, 0.3041],
    },
  };

  it('are those of the sources', () => {
    const prices = CATALOGUE.models.flatMap((spec) =>
      spec.kind === 'video'
        ? [
            [
              `${spec.provider}/${spec.model}`,
              Object.fromEntries(
                Object.entries(spec.pricePerSecondUsd).map(([resolution, { withAudio, silent }]) => [
                  resolution,
                  [withAudio, silent],
                ]),
              ),
            ] as const,
          ]
        : [],
    );
    expect(Object.fromEntries(prices)).toEqual(PRICES);
  });

  it('cover the tokens of Omni 1.1, 5,792 a second of 720p at 17.5 dollars a million', () => {
    expect(PRICES['omni/gemini-omni-1.1-flash']?.['720p']?.[0]).toBeGreaterThanOrEqual((5792 * 17.5) / 1e6);
  });
});

describe('a retired model', () => {
  it('has the dates of Google’s pages', () => {
    const dates = [...CATALOGUE.models, ...CATALOGUE.retired].flatMap(({ provider, model, retirement }) =>
      retirement && /imagen-4|2\.5-flash-image$|omni/.test(model)
        ? [`${provider}/${model} ${retirement.date} ${retirement.replacement}`]
        : [],
    );
    expect(dates.filter((line) => !line.includes('preview-06-06')).sort()).toEqual([
      'gemini/gemini-2.5-flash-image 2026-10-02 gemini-3.1-flash-image',
      'gemini/imagen-4.0-fast-generate-001 2026-08-17 gemini-3.1-flash-image',
      'gemini/imagen-4.0-generate-001 2026-08-17 gemini-3.1-flash-image',
      'gemini/imagen-4.0-ultra-generate-001 2026-08-17 gemini-3-pro-image',
      'omni/gemini-omni-flash-preview 2026-09-30 gemini-omni-1.1-flash',
      'vertex/gemini-2.5-flash-image 2027-03-15 gemini-3.1-flash-lite-image',
      'vertex/imagen-4.0-fast-generate-001 2026-06-30 gemini-3.1-flash-image',
      'vertex/imagen-4.0-generate-001 2026-06-30 gemini-3.1-flash-image',
      'vertex/imagen-4.0-ultra-generate-001 2026-06-30 gemini-3-pro-image',
    ]);
  });

  it('runs on a model that is live', () => {
    const retirements = [...CATALOGUE.models, ...CATALOGUE.retired].flatMap(({ model, retirement }) =>
      retirement ? [{ model, runsOn: retirement.runsOn }] : [],
    );
    expect(retirements.length).toBeGreaterThan(25);
    for (const { model, runsOn } of retirements) {
      const successor = CATALOGUE.models.find(
        (spec) => spec.provider === runsOn.provider && spec.model === runsOn.model,
      );
      expect(successor, `the successor of ${model}`).toBeDefined();
      expect(successor?.retirement, `the successor of ${model}`).toBeUndefined();
    }
  });
});

/** The sizes of a first frame, from Google's pages on the image models. */
const IMAGE_SIZES: Readonly<Record<string, string>> = {
  'vertex/gemini-3.1-flash-image': '1K 2K 4K',
  'vertex/gemini-3-pro-image': '1K 2K 4K',
  'vertex/gemini-3.1-flash-lite-image': '1K',
  'vertex/gemini-nano-banana-2.1': '1K 2K 4K',
  'vertex/gemini-2.5-flash-image': '1K',
  'gemini/gemini-3.1-flash-image': '1K 2K 4K',
  'gemini/gemini-3-pro-image': '1K 2K 4K',
  'gemini/gemini-3.1-flash-lite-image': '1K',
  'gemini/gemini-nano-banana-2.1': '1K 2K 4K',
  'vertex/imagen-4.0-generate-001': '1K 2K',
  'vertex/imagen-4.0-fast-generate-001': '1K',
  'vertex/imagen-4.0-ultra-generate-001': '1K 2K',
  'gemini/imagen-4.0-generate-001': '1K 2K',
  'gemini/imagen-4.0-fast-generate-001': '1K',
  'gemini/imagen-4.0-ultra-generate-001': '1K 2K',
};

describe('the table of image models', () => {
  it('accepts a size exactly when the documents allow it', () => {
    const images = CATALOGUE.models.filter(({ kind }) => kind === 'image');
    expect(images.map(({ provider, model }) => `${provider}/${model}`).sort()).toEqual(
      Object.keys(IMAGE_SIZES).sort(),
    );
    const wrong: string[] = [];
    for (const [name, sizes] of Object.entries(IMAGE_SIZES)) {
      const [provider, model] = name.split('/');
      for (const imageSize of ['512', '1K', '2K', '4K', '2k', ...STRANGE]) {
        const body = { prompt: 'a', firstFrame: { prompt: 'b', provider, model, imageSize } };
        const expected = typeof imageSize === 'string' && has(sizes, imageSize);
        if (isAccepted(body, 'image') !== expected) wrong.push(`${name} ${JSON.stringify(imageSize)}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
