/** Parses the command line of `npm run verify`. */
import { readArguments } from '../cli/command-line.ts';
import { numberOf } from '../cli/number-option.ts';
import type { Step } from './step.ts';
import { STEPS } from './steps.ts';

export const USAGE = `Usage: npm run verify -- --project <id> [options]
Compares a deployment on Google Cloud with what docs/unverified.md assumes, and prints a report.
Needs: gcloud auth application-default login, and to be one of the deployment's callers.
  --project <id>      the project of the deployment
  --yes-spend <usd>   allow paid steps, up to this many US dollars in all (default: nothing is paid)
  --dry-run           list the steps and their prices; calls nothing
  --only <steps>      only these steps, separated by commas, and the paid steps whose videos they need
  --json              print the report as JSON
  --region <region>   region of the deployment (default us-central1)
  --name <name>       name of the deployment, Terraform's variable (default clapper)
  --api <url>         URL of the API, if callers do not reach the function's own
  --google <url>      send calls of Google's APIs to <url>/<host>/ (for tests)`;

export interface VerifyOptions {
  readonly project: string;
  readonly limitUsd: number;
  readonly isDryRun: boolean;
  readonly steps: readonly Step[];
  readonly isJson: boolean;
  readonly region: string;
  readonly name: string;
  readonly apiUrl: string | undefined;
  readonly googleUrl: string | undefined;
}

/** @throws Error that names the invalid option */
export function parseVerifyOptions(args: readonly string[]): VerifyOptions | 'help' {
  const { values } = readArguments('npm run verify', {
    args,
    options: {
      project: { type: 'string' },
      'yes-spend': { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      region: { type: 'string', default: 'us-central1' },
      name: { type: 'string', default: 'clapper' },
      api: { type: 'string' },
      google: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const isDryRun = values['dry-run'];
  if (values.project === undefined && !isDryRun)
    throw new Error('--project is missing. Name the project of the deployment: --project my-videos-1');
  const { region, name, json: isJson, api, google } = values;
  return {
    project: values.project ?? '',
    limitUsd: numberOf('--yes-spend', values['yes-spend'], { min: 0 }) ?? 0,
    isDryRun,
    steps: chosenSteps(values.only),
    isJson,
    region,
    name,
    apiUrl: urlOf('--api', api),
    googleUrl: urlOf('--google', google),
  };
}

function urlOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!URL.canParse(text))
    throw new Error(`${option} must be a URL such as https://example.com, not '${text}'.`);
  return text.replace(/\/$/, '');
}

/** The named steps, and the paid steps whose videos they look at, in the usual order. */
function chosenSteps(only: string | undefined): readonly Step[] {
  if (only === undefined) return STEPS;
  const named = only.split(',').map((id) => id.trim());
  for (const id of named)
    if (!STEPS.some((step) => step.id === id))
      throw new Error(
        `--only has no step '${id}'. The steps are ${STEPS.map((step) => step.id).join(', ')}.`,
      );
  const needed = STEPS.flatMap((step) =>
    named.includes(step.id) && !step.paid && step.after !== undefined ? [step.after] : [],
  );
  return STEPS.filter(({ id }) => named.includes(id) || needed.includes(id));
}
