/** `npm run verify`: compares a deployment on Google Cloud with what docs/unverified.md assumes. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClapperApi } from '../verify/clapper-api.ts';
import { createCredentials } from '../verify/credentials.ts';
import { findDeployment } from '../verify/deployment.ts';
import { createGoogle } from '../verify/google.ts';
import { parseVerifyOptions, USAGE, type VerifyOptions } from '../verify/options.ts';
import { planText, reportJson, reportText } from '../verify/report.ts';
import { Spending } from '../verify/spending.ts';
import { verify } from '../verify/verify.ts';
import { messageOf, optionsOrExit } from './command-line.ts';

/** The longest latency in the catalogue is 12 minutes; queues and landing come on top. */
const JOB_TIMEOUT_MS = 20 * 60_000;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = optionsOrExit(parseVerifyOptions, USAGE);
  if (typeof options === 'number') return options;
  if (options.isDryRun) {
    console.log(planText(options.steps, Date.now()));
    return 0;
  }
  try {
    return await run(options);
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

/** @returns 1 if an assumption differs or a step could not find out */
async function run({
  project,
  limitUsd,
  steps,
  isJson,
  googleUrl,
  ...where
}: VerifyOptions): Promise<number> {
  const now = (): number => Date.now();
  const credentials = createCredentials(now);
  const originOf = googleUrl === undefined ? undefined : (host: string) => `${googleUrl}/${host}`;
  const google = createGoogle({ fetch, accessToken: credentials.accessToken, project, originOf });
  const deployment = await findDeployment(google, { project, ...where });
  const url = deployment.apiUrl;
  const wait = (ms: number): Promise<void> => sleep(ms);
  const api = createClapperApi({ url, fetch, idToken: () => credentials.idToken(url), sleep: wait });
  const spending = new Spending(limitUsd);
  const results = await verify({
    steps,
    context: { deployment, google, api, fetch, now, sleep: wait },
    spending,
    runId: randomUUID(),
    progress: (line) => console.error(line),
    jobTimeoutMs: JOB_TIMEOUT_MS,
  });
  console.log(isJson ? reportJson(project, results, spending) : `\n${reportText(results, spending)}`);
  return results.some(({ verdict }) => verdict === 'differs' || verdict === 'unknown') ? 1 : 0;
}
