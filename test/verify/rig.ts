/** A context whose deployment is scripted in memory and whose Google is a scripted server. Time passes only by sleeping. */
import { createClapperApi, type JobAnswer } from '../../infra/verify/clapper-api.ts';
import { findDeployment } from '../../infra/verify/deployment.ts';
import { createGoogle } from '../../infra/verify/google.ts';
import type { Context, FreeStep, PaidStep } from '../../infra/verify/step.ts';
import { STEPS } from '../../infra/verify/steps.ts';
import {
  asAssumedProject,
  type GoogleServer,
  PROJECT,
  REGION,
  type Route,
  startGoogle,
} from './google-server.ts';

const API = 'https://api.example';
export const START = Date.parse('2026-11-30T12:00:00Z');

const ENVIRONMENT = {
  CLAPPER_API_AUDIENCES: API,
  CLAPPER_FIRESTORE_DATABASE: 'clapper',
  CLAPPER_INPUT_BUCKET: 'p-in',
  CLAPPER_OUTPUT_BUCKET: 'p-out',
  CLAPPER_VERTEX_LOCATION: REGION,
  CLAPPER_UNKNOWN_OUTCOME: 'fail',
  CLAPPER_UPLOADS: JSON.stringify([{ prefix: 'uploads/' }]),
} as const;

export const JOB: JobAnswer = {
  id: 'job_1',
  status: 'succeeded',
  request: { model: 'veo-3.1-fast-generate-001' },
  createdAt: '2026-11-30T12:00:00Z',
  priceUsd: { estimate: 0.32, charged: 0.32, unknown: 0 },
  videos: [
    {
      uri: 'gs://p-out/jobs/job_1/a/sample_0.mp4',
      bytes: 9,
      contentType: 'video/mp4',
      href: '/v1/jobs/job_1/videos/0',
    },
  ],
};

const MODELS = {
  models: [
    {
      kind: 'video',
      provider: 'vertex',
      model: 'veo-3.1-fast-generate-001',
      stage: 'ga',
      requestsPerMinute: 50,
      locations: ['us-central1'],
      pricePerSecondUsd: { '720p': { withAudio: 0.1, silent: 0.08 } },
    },
    {
      kind: 'image',
      provider: 'vertex',
      model: 'gemini-3.1-flash-image',
      stage: 'ga',
      requestsPerMinute: 60,
      locations: ['global'],
      pricePerImageUsd: 0.067,
    },
    {
      kind: 'image',
      provider: 'vertex',
      model: 'imagen-4.0-fast-generate-001',
      stage: 'retired',
      requestsPerMinute: 60,
      locations: ['us-central1'],
      pricePerImageUsd: 0.02,
    },
  ],
};

export function freeStep(id: string): FreeStep {
  const step = STEPS.find((each) => each.id === id);
  if (!step || step.paid) throw new Error(`${id} is no free step`);
  return step;
}

export function paidStep(id: string): PaidStep {
  const step = STEPS.find((each) => each.id === id);
  if (!step?.paid) throw new Error(`${id} is no paid step`);
  return step;
}

export interface RigOptions {
  /** Instead of those of a project that is as assumed, by host and then by start of the line. */
  readonly routes?: Readonly<Record<string, Readonly<Record<string, Route>>>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** The function `api` shows no environment. */
  readonly hidesEnvironment?: boolean;
  /** Answers of the deployment and of links, by `METHOD URL without the API's origin`. */
  readonly answers?: Readonly<Record<string, (init: RequestInit | undefined) => Response>>;
  readonly jobs?: Readonly<Record<string, JobAnswer>>;
}

export interface Rig {
  readonly context: Context;
  readonly google: GoogleServer;
  /** `METHOD path` of the calls of the deployment. */
  readonly sent: readonly string[];
}

export async function makeRig({
  routes = {},
  environment,
  hidesEnvironment = false,
  answers = {},
  jobs = {},
}: RigOptions = {}): Promise<Rig> {
  const project = asAssumedProject(hidesEnvironment ? {} : { ...ENVIRONMENT, ...environment });
  const hosts = new Set([...Object.keys(project), ...Object.keys(routes)]);
  const all: Record<string, Record<string, Route>> = project;
  const google = await startGoogle(
    Object.fromEntries([...hosts].map((host) => [host, { ...all[host], ...routes[host] }])),
  );
  let nowMs = START;
  const sleep = async (ms: number): Promise<void> => {
    nowMs += ms;
  };
  const sent: string[] = [];
  const scripted: typeof fetch = async (input, init) => {
    const line = `${init?.method ?? 'GET'} ${String(input).replace(API, '')}`;
    sent.push(line);
    const answer = answers[line];
    if (answer) return answer(init);
    if (line === 'GET /v1/models') return Response.json(MODELS);
    if (line.startsWith('GET /v1/jobs?status=succeeded')) return Response.json({ jobs: [{ id: JOB.id }] });
    return Response.json({ title: 'Not found', detail: line }, { status: 404 });
  };
  const client = createGoogle({
    fetch,
    accessToken: async () => 'token',
    project: PROJECT,
    originOf: (host) => `${google.url}/${host}`,
  });
  const deployment = await findDeployment(client, {
    project: PROJECT,
    region: REGION,
    name: 'clapper',
    apiUrl: API,
  });
  return {
    context: {
      deployment,
      google: client,
      api: createClapperApi({ url: deployment.apiUrl, fetch: scripted, idToken: async () => 'id', sleep }),
      fetch: scripted,
      now: () => nowMs,
      sleep,
      jobs: new Map(Object.entries(jobs)),
    },
    google,
    sent,
  };
}
