/** The command line of `npm run generate`, as the body of a job request. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run generate -- "<prompt>" [options]
  --model <id>              e.g. veo-3.1-generate-001 (default veo-3.1-fast-generate-001)
  --provider <name>         vertex or gemini
  --image <file>            first frame, PNG or JPEG
  --last-frame <file>       last frame, PNG or JPEG; needs --image
  --aspect-ratio <ratio>    16:9 (default) or 9:16
  --duration <seconds>      4, 6 or 8 (default 8)
  --resolution <name>       720p (default), 1080p or 4k
  --samples <n>             1 (default) to 4 videos
  --seed <n>                0 to 4294967295
  --negative-prompt <text>  what should not be in it
  --person-generation <v>   allow_adult, dont_allow or allow_all
  --no-audio                silent, and cheaper
  --out <dir>               where the videos are saved (default out)
  --state <dir>             of the local cloud (default .clapper)
  --speed-up <n>            how much faster than Google's the simulated models are (default 20)`;

export interface GenerateOptions {
  readonly body: Readonly<Record<string, unknown>>;
  readonly outDir: string;
  readonly stateDir: string;
  readonly speedUp: number | undefined;
}

/** @throws Error saying which option is wrong */
export function parseOptions(args: readonly string[]): GenerateOptions | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      model: { type: 'string' },
      provider: { type: 'string' },
      image: { type: 'string' },
      'last-frame': { type: 'string' },
      'aspect-ratio': { type: 'string' },
      duration: { type: 'string' },
      resolution: { type: 'string' },
      samples: { type: 'string' },
      seed: { type: 'string' },
      'negative-prompt': { type: 'string' },
      'person-generation': { type: 'string' },
      'no-audio': { type: 'boolean' },
      out: { type: 'string', default: 'out' },
      state: { type: 'string', default: '.clapper' },
      'speed-up': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help';
  if (positionals.length > 1) throw new Error('There is more than one prompt; put it in quotes.');
  const body = {
    prompt: positionals[0],
    model: values.model,
    provider: values.provider,
    image: imageOf(values.image),
    lastFrame: imageOf(values['last-frame']),
    aspectRatio: values['aspect-ratio'],
    durationSeconds: numberOf('--duration', values.duration),
    resolution: values.resolution,
    sampleCount: numberOf('--samples', values.samples),
    seed: numberOf('--seed', values.seed),
    negativePrompt: values['negative-prompt'],
    personGeneration: values['person-generation'],
    generateAudio: values['no-audio'] === true ? false : undefined,
  };
  return {
    body,
    outDir: values.out,
    stateDir: values.state,
    speedUp: numberOf('--speed-up', values['speed-up']),
  };
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number))
    throw new Error(`${option} has to be a number, not '${text}'.`);
  return number;
}

function imageOf(file: string | undefined): { bytesBase64Encoded: string; mimeType: string } | undefined {
  if (file === undefined) return undefined;
  const bytes = readFileSync(file);
  // What it really is, the service finds out; this is what its first byte suggests.
  return {
    bytesBase64Encoded: bytes.toString('base64'),
    mimeType: bytes[0] === 0xff ? 'image/jpeg' : 'image/png',
  };
}
