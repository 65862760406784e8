/** Parses the command line of `npm run generate` into the body of a job request. */
import { readFileSync } from 'node:fs';
import { readArguments } from './command-line.ts';
import { numberOf, SPEED_UP } from './number-option.ts';

export const USAGE = `Usage: npm run generate -- "<prompt>" [options]
  --model <id>              for example veo-3.1-generate-001 (default veo-3.1-fast-generate-001)
  --provider <name>         vertex, gemini or omni
  --image <file>            first frame, PNG or JPEG; with Omni also WebP, HEIC or HEIF
  --first-frame <text>      generate the first frame from this prompt; with --image, edit that image
  --image-model <id>        model for --first-frame (default gemini-3.1-flash-image)
  --image-size <size>       size of the --first-frame image: 1K (default), 2K or 4K
  --last-frame <file>       last frame, PNG or JPEG; requires --image
  --reference <file>        reference image; repeatable up to the model's limit
  --reference-video <video> reference video of up to 3 s, given as for --video (Omni only); at most three times
  --video <job[/n]|gs://>   input video: video n of an earlier job, or a file in the bucket
  --task <name>             what to do with the input video: extend (default), edit or upscale (both Omni only)
  --previous-job <job>      continue this Omni job: the prompt is the next turn (default task edit)
  --extend <text>           extend the video with this prompt; repeatable up to the model's limit
  --var <name=value>        replaces {name} in the prompts; repeatable
  --aspect-ratio <ratio>    16:9 (default) or 9:16
  --duration <seconds>      4, 6 or 8 (default 8); Omni 3 to 15
  --resolution <name>       720p (default), 1080p or 4k; for upscale, the target resolution
  --samples <n>             1 (default) to 4 videos
  --seed <n>                0 to 4294967295
  --negative-prompt <text>  what the video must not show
  --person-generation <v>   allow_adult, dont_allow or allow_all
  --no-audio                no audio track; cheaper
  --job <id>                resume this job and download its videos; creates no job
  --allow-retired-models    run a model that Google has retired, on the simulated models
  --simulate                use the simulated models even if GEMINI_API_KEY is set
  --out <dir>               folder for the videos (default out)
  --state <dir>             state folder of the local cloud (default .clapper)
  --speed-up <n>            factor by which the simulated models are faster than Google's (default 20)`;

export interface GenerateOptions {
  /** The job to resume. No job is then created, and the body is empty. */
  readonly jobId: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
  readonly outDir: string;
  readonly stateDir: string;
  readonly speedUp: number | undefined;
  readonly simulate: boolean;
  readonly allowRetiredModels: boolean | undefined;
}

/** @throws Error that names the invalid option */
export function parseOptions(args: readonly string[]): GenerateOptions | 'help' {
  const { values, positionals } = readArguments('npm run generate', {
    args,
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
      'reference-video': { type: 'string', multiple: true },
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
      'allow-retired-models': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return 'help';
  if (positionals.length > 1)
    throw new Error(`Expected one prompt, got ${positionals.length}. Put the prompt in quotes.`);
  for (const option of ['image-model', 'image-size'] as const) {
    if (values[option] !== undefined && values['first-frame'] === undefined)
      throw new Error(`--${option} requires --first-frame.`);
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
            image: imageOf('--image', values.image),
            imageSize: values['image-size'],
          },
    image: values['first-frame'] === undefined ? imageOf('--image', values.image) : undefined,
    lastFrame: imageOf('--last-frame', values['last-frame']),
    referenceImages: values.reference?.map((file) => ({
      image: imageOf('--reference', file),
      referenceType: 'asset',
    })),
    referenceVideos: values['reference-video']?.map((text) => ({
      video: videoOf('--reference-video', text),
    })),
    video: videoOf('--video', values.video),
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
  const hasRequestOptions = Object.values(body).some((value) => value !== undefined);
  if (values.job !== undefined && hasRequestOptions)
    throw new Error(
      '--job resumes a job with its original request. Remove the prompt and the request options, or remove --job.',
    );
  if (values.job === undefined) checkPrompt(body);
  const speedUp = numberOf('--speed-up', values['speed-up'], SPEED_UP);
  return {
    ...{ jobId: values.job, body, speedUp },
    ...{ outDir: values.out, stateDir: values.state, simulate: values.simulate },
    allowRetiredModels: values['allow-retired-models'],
  };
}

/** A video needs words, or an image or a video to start from. Checked here, because a stack takes seconds to start. */
function checkPrompt({
  prompt,
  image,
  firstFrame,
  video,
}: Readonly<Record<'prompt' | 'image' | 'firstFrame' | 'video', unknown>>): void {
  if (typeof prompt === 'string' && prompt.trim() === '')
    throw new Error(
      'The prompt is empty. Put what the video shows in quotes: npm run generate -- "a kitten".',
    );
  if (prompt !== undefined || image !== undefined || firstFrame !== undefined || video !== undefined) return;
  throw new Error(
    'The prompt is missing. Put it after --, in quotes: npm run generate -- "a kitten". ' +
      'Only --image, --first-frame and --video can do without one, and --job resumes a job.',
  );
}

function videoOf(option: string, text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  if (text.startsWith('gs://')) return { gcsUri: text };
  const [job, index = '0'] = text.split('/');
  return { job, index: numberOf(option, index) };
}

function variablesOf(pairs: readonly string[] | undefined): Record<string, string> | undefined {
  if (!pairs) return undefined;
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new Error(`--var must be name=value, not '${pair}'.`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** Without its type: the service detects it by the content, and names what a model does not take. */
function imageOf(option: string, file: string | undefined): { bytesBase64Encoded: string } | undefined {
  if (file === undefined) return undefined;
  const bytes = bytesOf(option, file);
  if (bytes.length === 0) throw new Error(`${option}: ${file} is empty.`);
  return { bytesBase64Encoded: bytes.toString('base64') };
}

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a folder, not an image',
  ENOTDIR: 'does not exist: a part of its path is a file',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
};

function bytesOf(option: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason =
      FILE_ERRORS[code] ?? `cannot be read (${error instanceof Error ? error.message : String(error)})`;
    throw new Error(`${option}: ${file} ${reason}.`);
  }
}
