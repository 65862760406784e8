/** The sample files of `test/reports/files`, and the ways in which an image reaches a job. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Job } from '../../functions/core/job/job.ts';
import { googleClient, googleWorld, VERTEX } from './google.ts';
import type { World } from './memory.ts';

export const reportFile = (name: string): Buffer =>
  readFileSync(path.join(import.meta.dirname, '../reports/files', name));

export interface Sent {
  readonly status: number;
  /** The body of the response, as JSON text. */
  readonly text: string;
  /** The job that was created; undefined if the request was refused. */
  readonly job: Job | undefined;
  /** The bytes that the model gets. */
  readonly image: Uint8Array | undefined;
  readonly world: World;
}

export interface SentImage {
  readonly bytes: Uint8Array;
  readonly mimeType?: string | undefined;
  readonly model?: string | undefined;
  /** The base64 that is sent, if it is not that of `bytes`. */
  readonly base64?: string | undefined;
}

const VEO = 'veo-3.1-generate-001';

/** Sends one image as every client may send it. */
export const WAYS = ['own API, inline', 'own API, gs://', 'Developer API', 'Vertex AI'] as const;

export async function sendImage(way: (typeof WAYS)[number], sent: SentImage): Promise<Sent> {
  const { bytes, mimeType, model = VEO } = sent;
  const world = googleWorld();
  world.input.put('shared/cat.png', bytes, 'image/png');
  const settings = { ...world.services.settings, readablePrefixes: ['gs://in/shared/'] };
  const client = googleClient({ ...world, services: { ...world.services, settings } });
  const type = mimeType === undefined ? {} : { mimeType };
  const bytesBase64Encoded = sent.base64 ?? Buffer.from(bytes).toString('base64');
  const inline = { bytesBase64Encoded, ...type };
  const stored = { gcsUri: 'gs://in/shared/cat.png', ...type };
  const json = { 'content-type': 'application/json' };
  const own = (image: unknown) => client.post('/v1/jobs', { prompt: 'a cat', model, image }, json);
  const google = (url: string, image: unknown) =>
    client.post(url, { instances: [{ prompt: 'a cat', image }] });
  const answer = await {
    'own API, inline': () => own(inline),
    'own API, gs://': () => own(stored),
    'Developer API': () =>
      google(`/v1beta/models/${model}:predictLongRunning`, {
        inlineData: { data: bytesBase64Encoded, ...type },
      }),
    'Vertex AI': () => google(`${VERTEX}/${model}:predictLongRunning`, inline),
  }[way]();
  const [job] = await world.jobs.all();
  const uri = job?.request.image?.gcsUri;
  const text = JSON.stringify(answer.body);
  const image = uri === undefined ? undefined : world.input.find(uri)?.body;
  return { status: answer.status, text, job, image, world };
}
