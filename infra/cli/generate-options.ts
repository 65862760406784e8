/** The command line of `npm run generate`, as the body of a job request. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { numberOf, SPEED_UP } from './number-option.ts';

export const USAGE = `Usage: npm run generate -- "<prompt>" [options]
  --model <id>              e.g. veo-3.1-generate-001 (default veo-3.1-fast-generate-001)
  --provider <name>         vertex, gemini or omni
  --image <file>            first frame, PNG or JPEG
  --first-frame <text>      make the first frame from these words; with --image, edit that picture
  --image-model <id>        that makes it (default gemini-3.1-flash-image)
  --image-size <size>       of that picture: 1K (default), 2K or 4K
  --last-frame <file>       last frame, PNG or JPEG; needs --image
  --reference <file>        a reference image; up to three times
  --video <job[/n]|gs://>   extend this video: of an earlier job, or in the bucket
  --task <name>             extend (default), edit or upscale it; the last two with Omni
  --previous-job <job>      go on from this Omni job: the prompt is the next turn (default task edit)
  --extend <text>           and then go on like this; as often as the model allows
  --var <name=value>        fills {name} in the prompts; as often as there are
  --aspect-ratio <ratio>    16:9 (default) or 9:16
  --duration <seconds>      4, 6 or 8 (default 8); Omni 3 to 15
  --resolution <name>       720p (default), 1080p or 4k; of upscale, what it is enlarged to
  --samples <n>             1 (default) to 4 videos
  --seed <n>                0 to 4294967295
  --negative-prompt <text>  what should not be in it
  --person-generation <v>   allow_adult, dont_allow or allow_all
  --no-audio                silent, and cheaper
  --job <id>                go on with a job that was begun, and fetch its videos: makes nothing new
  --simulate                the simulated models even where GEMINI_API_KEY is set
  --out <dir>               where the videos are saved (default out)
  --state <dir>             of the local cloud (default .clapper)
  --speed-up <n>            how much faster than Google's the simulated models are (default 20)`;

export interface GenerateOptions {
  /** Begun earlier: then nothing is made, and the body is empty. */
  readonly jobId: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
  readonly outDir: string;
  readonly stateDir: string;
  readonly speedUp: number | undefined;
  readonly simulate: boolean;
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
      'first-frame': { type: 'string' },
      'image-model': { type: 'string' },
      'image-size': { type: 'string' },
      'last-frame': { type: 'string' },
      reference: { type: 'string', multiple: true },
      video: { type: 'string' },
      task: { type: 'string' },
      'previous-job': { type: 'string' },
      extend: { type: 'string', multiple: true },
      var: { type: 'string', multiple: true },
      'aspect-ratio': { type: 'string' },
      duration: { type: 'string' },
      resolution: { type: 'string' },
      samples: { type: 'string' },
      seed: { type: 'string' },
      'negative-prompt': { type: 'string' },
      'person-generation': { type: 'string' },
      'no-audio': { type: 'boolean' },
      job: { type: 'string' },
      out: { type: 'string', default: 'out' },
      state: { type: 'string', default: '.clapper' },
      'speed-up': { type: 'string' },
      simulate: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help';
  if (positionals.length > 1) throw new Error('There is more than one prompt; put it in quotes.');
  for (const option of ['image-model', 'image-size'] as const) {
    if (values[option] !== undefined && values['first-frame'] === undefined)
      throw new Error(`--${option} is for the picture of --first-frame, which is not given.`);
  }
  const body = {
    prompt: positionals[0],
    model: values.model,
    provider: values.provider,
    firstFrame:
      values['first-frame'] === undefined
        ? undefined
        : {
            prompt: values['first-frame'],
            model: values['image-model'],
            image: imageOf(values.image),
            imageSize: values['image-size'],
          },
    image: values['first-frame'] === undefined ? imageOf(values.image) : undefined,
    lastFrame: imageOf(values['last-frame']),
    referenceImages: values.reference?.map((file) => ({ image: imageOf(file), referenceType: 'asset' })),
    video: videoOf(values.video),
    task: values.task,
    previousJob: values['previous-job'],
    extensions: values.extend?.map((prompt) => ({ prompt })),
    variables: variablesOf(values.var),
    aspectRatio: values['aspect-ratio'],
    durationSeconds: numberOf('--duration', values.duration),
    resolution: values.resolution,
    sampleCount: numberOf('--samples', values.samples),
    seed: numberOf('--seed', values.seed),
    negativePrompt: values['negative-prompt'],
    personGeneration: values['person-generation'],
    generateAudio: values['no-audio'] === true ? false : undefined,
  };
  const asked = Object.values(body).some((value) => value !== undefined);
  if (values.job !== undefined && asked)
    throw new Error(
      '--job goes on with a job as it was asked for; a prompt or other options of it make a new one.',
    );
  const speedUp = numberOf('--speed-up', values['speed-up'], SPEED_UP);
  return {
    ...{ jobId: values.job, body, speedUp },
    ...{ outDir: values.out, stateDir: values.state, simulate: values.simulate },
  };
}

function videoOf(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  if (text.startsWith('gs://')) return { gcsUri: text };
  const [job, index = '0'] = text.split('/');
  return { job, index: numberOf('--video', index) };
}

function variablesOf(pairs: readonly string[] | undefined): Record<string, string> | undefined {
  if (!pairs) return undefined;
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new Error(`--var has to be name=value, not '${pair}'.`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
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
