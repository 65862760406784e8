// A video without any call of the API: drop an image into the input bucket, under a prefix that CLAPPER_UPLOADS names.
// STORAGE_EMULATOR_HOST leads to the local bucket; without it the client finds Google and your credentials.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Storage } from '@google-cloud/storage';

const api = process.env.CLAPPER_URL ?? 'http://127.0.0.1:8080';
const token = process.env.CLAPPER_TOKEN;
const storage = new Storage({ projectId: process.env.GOOGLE_CLOUD_PROJECT ?? 'clapper-local' });
const bucket = storage.bucket(process.env.CLAPPER_INPUT_BUCKET ?? 'clapper-local-in');
const image = process.argv[2] ?? fileURLToPath(new URL('sunset.png', import.meta.url));

// The metadata holds the request: `prompt`, and `clapper-<field>` for every other field of POST /v1/jobs.
const [file] = await bucket.upload(image, {
  destination: `uploads/${path.basename(image)}`,
  metadata: { metadata: { prompt: 'The sun sinks below the horizon', 'clapper-durationSeconds': '4' } },
});
// Each generation of the object becomes exactly one job, however often its event is delivered.
const source = `gs://${file.bucket.name}/${file.name}#${file.metadata.generation}`;
console.log(`dropped ${source}`);

// Only this program wants to know more; the job runs anyway. An upload that is not valid leaves `<name>.error.json`.
let job;
while (job?.status !== 'succeeded') {
  await sleep(500);
  const [hasError] = await bucket.file(`${file.name}.error.json`).exists();
  if (hasError) throw new Error(`see gs://${file.bucket.name}/${file.name}.error.json`);
  const response = await fetch(`${api}/v1/jobs?pageSize=200`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(await response.text());
  const { jobs } = await response.json();
  job = jobs.find(({ request }) => request.image?.copyOf === source);
  if (['failed', 'cancelled'].includes(job?.status)) throw new Error(JSON.stringify(job.error ?? job.status));
}
console.log(`job ${job.id}`);
console.log(`video ${job.videos[0].uri}`);
