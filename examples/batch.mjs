// One job for every row of a CSV: put the manifest into the bucket, start a batch, wait for it, print the report.
// The last row of cats.csv is wrong on purpose (Veo makes 4, 6 or 8 seconds): it is reported, and the others run.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Storage } from '@google-cloud/storage';

const api = process.env.CLAPPER_URL ?? 'http://127.0.0.1:8080';
const token = process.env.CLAPPER_TOKEN;
const storage = new Storage({ projectId: process.env.GOOGLE_CLOUD_PROJECT ?? 'clapper-local' });
const bucket = storage.bucket(process.env.CLAPPER_INPUT_BUCKET ?? 'clapper-local-in');
const csv = process.argv[2] ?? fileURLToPath(new URL('cats.csv', import.meta.url));

async function call(path, body) {
  const response = await fetch(`${api}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

// The caller must be allowed to name it: in the cloud, a prefix of CLAPPER_READABLE_PREFIXES.
await bucket.upload(csv, { destination: 'manifests/cats.csv' });

let batch = await (
  await call('/v1/batches', {
    manifest: { gcsUri: `gs://${bucket.name}/manifests/cats.csv` },
    // A column named like a field of the request is that field; every other column fills a {placeholder}.
    template: { prompt: 'A {breed} cat, {mood}' },
    // Rows that would exceed this are not admitted.
    maxSpendUsd: 5,
  })
).json();
console.log(`batch ${batch.id}`);

while (!['done', 'failed', 'cancelled'].includes(batch.status)) {
  await sleep(1000);
  batch = await (await call(`/v1/batches/${batch.id}`)).json();
}
const { rows, jobs, status } = batch;
console.log(
  `${status}: ${rows.valid} of ${rows.read} rows valid, ${jobs?.succeeded} succeeded, ${jobs?.failed} failed`,
);

const report = await call(`/v1/batches/${batch.id}/report?format=csv`);
process.stdout.write(await report.text());
