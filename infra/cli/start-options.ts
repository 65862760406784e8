/** Parses the command line of `npm start`. */
import { readArguments } from './command-line.ts';
import { numberOf, SPEED_UP } from './number-option.ts';

export const USAGE = `Usage: npm start -- [options]
  --port <n>          port of the API and the console (default 8080; 0 picks a free one)
  --state <dir>       state folder (default .clapper)
  --speed-up <n>      factor by which the simulated models are faster than Google's (default 20)
  --schedules <file>  scheduled batches (default schedules.json in the state folder, if it exists)
  --allow-retired-models  run models that Google has retired, such as veo-3.1-generate-preview; their jobs say so
  --seed <n>          seed of the simulated models, to make their latencies repeatable`;

export interface StartOptions {
  readonly port: number;
  readonly stateDir: string;
  readonly speedUp: number | undefined;
  readonly seed: number | undefined;
  readonly schedulesFile: string | undefined;
  readonly allowRetiredModels: boolean | undefined;
}

const DEFAULT_PORT = 8080;

/** @throws Error that names the invalid option */
export function parseStartOptions(args: readonly string[]): StartOptions | 'help' {
  const { values } = readArguments('npm start', {
    args,
    options: {
      port: { type: 'string' },
      state: { type: 'string', default: '.clapper' },
      'speed-up': { type: 'string' },
      seed: { type: 'string' },
      schedules: { type: 'string' },
      'allow-retired-models': { type: 'boolean' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    port: numberOf('--port', values.port, { min: 0, max: 65_535, isWhole: true }) ?? DEFAULT_PORT,
    stateDir: values.state,
    speedUp: numberOf('--speed-up', values['speed-up'], SPEED_UP),
    seed: numberOf('--seed', values.seed, { isWhole: true }),
    schedulesFile: values.schedules,
    allowRetiredModels: values['allow-retired-models'],
  };
}
