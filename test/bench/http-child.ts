/**
 * A measured server on loopback: `api`, with its stores in memory and running jobs, or `bare`, a Hono app that reads
 * the same bodies and returns the same answers. Sends its address and the requests to measure over IPC.
 */
import { Hono } from 'hono';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import { createApi } from '../../functions/handlers/api/api.ts';
import { googleClient, googleWorld, serveOnLoopback, VERTEX } from '../support/google.ts';
import { runFor } from '../support/run.ts';
import type { BenchRequest, Served } from './http-requests.ts';

const CALLER = 'ann';
const MODEL = 'veo-3.1-generate-001';
const body = { prompt: 'A calico kitten asleep in the sun', aspectRatio: '9:16', durationSeconds: 4 };
const googles = { instances: [{ prompt: body.prompt }], parameters: { durationSeconds: 4 } };

// Logs as in the cloud, except that the lines are not written.
const world = googleWorld({}, { log: createJsonLog('bench', () => undefined, Date.now) });
const client = googleClient(world, CALLER);
const developer = await client.submit('veo-3.1-generate-preview', googles);
const vertex = await client.submitToVertex(MODEL, googles);
const { headers } = await client.post('/v1/jobs', body, { 'content-type': 'application/json' });
await runFor(world, 1);
for (const { status, jobId } of await world.jobs.all())
  if (status !== 'running') throw new Error(`job ${jobId} is ${status}`);

const requests: readonly BenchRequest[] = [
  { what: 'POST /v1/jobs', method: 'POST', path: '/v1/jobs', body: JSON.stringify(body) },
  { what: 'GET /v1/jobs/{id}', method: 'GET', path: headers.get('location') ?? '' },
  { what: 'poll through the Gemini API', method: 'GET', path: `/v1beta/${developer}` },
  {
    ...{
      what: 'poll through the Vertex AI API',
      method: 'POST',
      path: `${VERTEX}/${MODEL}:fetchPredictOperation`,
    },
    body: JSON.stringify({ operationName: vertex }),
  },
];

async function bareApp(): Promise<Hono> {
  const app = new Hono();
  for (const { method, path, body: sent } of requests) {
    const init = { method, ...(sent === undefined ? {} : { body: sent }) };
    const response = await client.send(path, { ...init, headers: { 'content-type': 'application/json' } });
    app.on(method, path, async (c) => {
      if (method === 'POST') await c.req.json();
      return c.json(response.body);
    });
  }
  return app;
}

const app = process.argv[2] === 'bare' ? await bareApp() : createApi(world.services);
const { baseUrl } = await serveOnLoopback((request) => app.fetch(request));
const served: Served = { baseUrl, caller: CALLER, requests: [...requests] };
process.send?.(served);
