/** Parses the command line of `npm run upload`. */
import { readArguments } from './command-line.ts';

export const USAGE = `Usage: npm run upload -- [options] <file>...
Uploads files to the input bucket of the running stack, where an upload rule turns them into jobs and batches.
  --prompt <text>     prompt of the images, as their metadata
  --to <folder>       folder in the bucket (default uploads/)
  --state <dir>       state folder of the running stack (default .clapper)`;

export interface UploadOptions {
  readonly files: readonly string[];
  readonly prompt: string | undefined;
  /** Ends with a slash, or is empty. */
  readonly folder: string;
  readonly stateDir: string;
}

/** @throws Error that names the invalid option */
export function parseUploadOptions(args: readonly string[]): UploadOptions | 'help' {
  const { values, positionals } = readArguments('npm run upload', {
    args,
    allowPositionals: true,
    options: {
      prompt: { type: 'string' },
      to: { type: 'string', default: 'uploads/' },
      state: { type: 'string', default: '.clapper' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  if (positionals.length === 0)
    throw new Error('No file is given. Name at least one: npm run upload -- cat.png');
  const folder = values.to === '' || values.to.endsWith('/') ? values.to : `${values.to}/`;
  return { files: positionals, prompt: values.prompt, folder, stateDir: values.state };
}
