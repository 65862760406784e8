/** Runs the simulated models in a process that a test can kill. Takes the options as JSON in argv; prints the URL. */
import { startModels } from '../../../infra/models/server.ts';
import { KEY, TOKEN } from './harness.ts';

const [, , json = '{}'] = process.argv;
const { url } = await startModels({
  ...JSON.parse(json),
  isAccessToken: (bearer) => bearer === TOKEN,
  isApiKey: (key) => key === KEY,
});
process.stdout.write(`${url}\n`);
