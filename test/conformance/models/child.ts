/** A process of its own around the simulated models, to be killed. Options come as JSON in argv; the URL goes to stdout. */
import { startModels } from '../../../infra/models/server.ts';
import { KEY, TOKEN } from './harness.ts';

const [, , json = '{}'] = process.argv;
const { url } = await startModels({
  ...JSON.parse(json),
  isAccessToken: (bearer) => bearer === TOKEN,
  isApiKey: (key) => key === KEY,
});
process.stdout.write(`${url}\n`);
