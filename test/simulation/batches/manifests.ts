/** Manifests: a handful of rows, each known to be a request, to be none, or to depend on a picture that comes and goes. */
import type { Random } from '../random.ts';

/** Pictures that rows name; the first generation of each is there from the beginning. */
export const PICTURES = ['pictures/a.png', 'pictures/b.png'] as const;
export const FIRST_GENERATION = 1001;
const ROWS_MAX = 9;

const KINDS = [
  [0.68, 'good'],
  [0.16, 'bad'],
  /** Names a picture, which may not be there when the row is read. */
  [0.08, 'picture'],
  /** Names the first generation of one, which may have been replaced. */
  [0.08, 'pinned'],
] as const;

export interface PlannedRow {
  readonly kind: (typeof KINDS)[number][1];
  /** Stands in the prompt, and so in the job's record. */
  readonly prompt: string;
}

export interface PlannedManifest {
  readonly format: 'jsonl' | 'csv';
  readonly rows: readonly PlannedRow[];
  readonly text: string;
  /** As they stand in the request of a batch that brings them itself. */
  readonly bodies: readonly unknown[];
}

export function manifestOf(random: Random, name: string, format: PlannedManifest['format']): PlannedManifest {
  const count = random.chance(0.03) ? 0 : random.int(1, ROWS_MAX);
  // Every row is drawn with what it may need, whatever it turns out to be.
  const rows = Array.from({ length: ROWS_MAX }, (_, n) => rowOf(random, `${name} row ${n + 1}`));
  const planned = rows.slice(0, count);
  const end = random.pick(['\n', '\n', '\r\n'] as const);
  const blank = random.chance(0.2) ? `${' '.repeat(random.int(0, 3))}${end}` : '';
  const lines =
    format === 'csv'
      ? ['prompt,model,durationSeconds,image.gcsUri,image.mimeType,image.generation', ...planned.map(csvOf)]
      : planned.map(jsonOf);
  // A blank line is no row, wherever it stands; in CSV only one that is empty.
  const between = format === 'csv' ? blank.replace(/^ +/, '') : blank;
  const text = lines.join(`${end}${between}`) + (random.chance(0.8) ? end : '');
  return { format, rows: planned.map(({ row }) => row), text, bodies: planned.map(bodyOf) };
}

interface Drawn {
  readonly row: PlannedRow;
  readonly model: string;
  readonly seconds: number;
  readonly picture: (typeof PICTURES)[number];
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
    picture: random.pick(PICTURES),
  };
}

interface RowBody {
  readonly prompt: string;
  readonly model: string;
  readonly durationSeconds: number;
  readonly image?: { readonly gcsUri: string; readonly mimeType: string; readonly generation?: string };
}

function bodyOf({ row: { kind, prompt }, model, seconds, picture }: Drawn): RowBody {
  const generation = String(FIRST_GENERATION + PICTURES.indexOf(picture));
  const image = {
    ...{ gcsUri: `gs://in/${picture}`, mimeType: 'image/png' },
    ...(kind === 'pinned' ? { generation } : {}),
  };
  // No model makes a video of 999 s.
  const durationSeconds = kind === 'bad' ? 999 : seconds;
  return { prompt, model, durationSeconds, ...(hasPicture(kind) ? { image } : {}) };
}

const hasPicture = (kind: PlannedRow['kind']): boolean => kind === 'picture' || kind === 'pinned';

const jsonOf = (drawn: Drawn): string => JSON.stringify(bodyOf(drawn));

function csvOf(drawn: Drawn): string {
  const { prompt, model, durationSeconds, image } = bodyOf(drawn);
  const { gcsUri = '', mimeType = '', generation = '' } = image ?? {};
  return `"${prompt}",${model},${durationSeconds},${gcsUri},${mimeType},${generation}`;
}
