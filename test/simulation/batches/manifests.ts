/** Manifests of up to nine rows. Each is a valid request, an invalid one, or depends on an image that may be missing. */
import type { Random } from '../random.ts';

/** Images that rows name. The first generation of each exists from the start. */
export const IMAGES = ['pictures/a.png', 'pictures/b.png'] as const;
export const FIRST_GENERATION = 1001;
const ROWS_MAX = 9;

const KINDS = [
  [0.68, 'good'],
  [0.16, 'bad'],
  /** Names an image, which may not exist when the row is read. */
  [0.08, 'image'],
  /** Names the first generation of an image, which may have been replaced. */
  [0.08, 'pinned'],
] as const;

export interface PlannedRow {
  readonly kind: (typeof KINDS)[number][1];
  /** The prompt, by which the job's record is found. */
  readonly prompt: string;
}

export interface PlannedManifest {
  readonly format: 'jsonl' | 'csv';
  readonly rows: readonly PlannedRow[];
  readonly text: string;
  /** The rows of a request with inline rows. */
  readonly bodies: readonly unknown[];
}

export function manifestOf(random: Random, name: string, format: PlannedManifest['format']): PlannedManifest {
  const count = random.chance(0.03) ? 0 : random.int(1, ROWS_MAX);
  // Draws all rows with all values, so that the sequence of draws does not depend on the result.
  const rows = Array.from({ length: ROWS_MAX }, (_, n) => rowOf(random, `${name} row ${n + 1}`));
  const planned = rows.slice(0, count);
  const end = random.pick(['\n', '\n', '\r\n'] as const);
  const blank = random.chance(0.2) ? `${' '.repeat(random.int(0, 3))}${end}` : '';
  const lines =
    format === 'csv'
      ? ['prompt,model,durationSeconds,image.gcsUri,image.mimeType,image.generation', ...planned.map(csvOf)]
      : planned.map(jsonOf);
  // A blank line is not a row, nor is a CSV record of blank values.
  const between =
    format === 'csv' ? blank.replace(/^ +/, (spaces) => BLANK_RECORDS[spaces.length] ?? '') : blank;
  const text = lines.join(`${end}${between}`) + (random.chance(0.8) ? end : '');
  return { format, rows: planned.map(({ row }) => row), text, bodies: planned.map(bodyOf) };
}

/** By the number of spaces of a blank line. */
const BLANK_RECORDS = ['', ' ', '"",', ' ,,"",,,'] as const;

interface Drawn {
  readonly row: PlannedRow;
  readonly model: string;
  readonly seconds: number;
  readonly image: (typeof IMAGES)[number];
}

function rowOf(random: Random, prompt: string): Drawn {
  const kind = random.weighted(KINDS);
  const model = random.weighted([
    [0.85, 'veo-3.1-fast-generate-001'],
    [0.15, 'veo-3.1-fast-generate-preview'],
  ] as const);
  return {
    row: { kind, prompt },
    model,
    seconds: random.pick([4, 8] as const),
    image: random.pick(IMAGES),
  };
}

interface RowBody {
  readonly prompt: string;
  readonly model: string;
  readonly durationSeconds: number;
  readonly image?: { readonly gcsUri: string; readonly mimeType: string; readonly generation?: string };
}

function bodyOf({ row: { kind, prompt }, model, seconds, image: name }: Drawn): RowBody {
  const generation = String(FIRST_GENERATION + IMAGES.indexOf(name));
  const image = {
    ...{ gcsUri: `gs://in/${name}`, mimeType: 'image/png' },
    ...(kind === 'pinned' ? { generation } : {}),
  };
  // No model makes a video of 999 s.
  const durationSeconds = kind === 'bad' ? 999 : seconds;
  return { prompt, model, durationSeconds, ...(hasImage(kind) ? { image } : {}) };
}

const hasImage = (kind: PlannedRow['kind']): boolean => kind === 'image' || kind === 'pinned';

const jsonOf = (drawn: Drawn): string => JSON.stringify(bodyOf(drawn));

function csvOf(drawn: Drawn): string {
  const { prompt, model, durationSeconds, image } = bodyOf(drawn);
  const { gcsUri = '', mimeType = '', generation = '' } = image ?? {};
  return `"${prompt}",${model},${durationSeconds},${gcsUri},${mimeType},${generation}`;
}
