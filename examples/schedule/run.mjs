// A batch that starts by itself: put today's manifest where the schedule looks for it, and wait for its batch.
// The stack has to run with this schedule: npm start -- --schedules examples/schedule/schedules.json
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Storage } from '@google-cloud/storage';

const api = process.env.CLAPPER_URL ?? 'http://127.0.0.1:8080';
const token = process.env.CLAPPER_TOKEN;
const storage = new Storage({ projectId: process.env.GOOGLE_CLOUD_PROJECT ?? 'clapper-local' });
const bucket = storage.bucket(process.env.CLAPPER_INPUT_BUCKET ?? 'clapper-local-in');

// The schedule's time zone is UTC, and so is this date.
const today = new Date().toISOString().slice(0, 10);
const destination = `dailies/${today}.csv`;
await bucket.upload(fileURLToPath(new URL('manifest.csv', import.meta.url)), { destination });
console.log(`put gs://${bucket.name}/${destination}`);

// The schedule fires every minute. The first fire that finds today's manifest starts its batch; all others of the day
// end without one, because a manifest whose name holds a date runs once.
let batch;
while (batch === undefined || !['done', 'failed', 'cancelled'].includes(batch.status)) {
  await sleep(1000);
  const response = await fetch(`${api}/v1/batches`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(await response.text());
  const { batches } = await response.json();
  batch = batches.find(({ manifest }) => manifest?.gcsUri === `gs://${bucket.name}/${destination}`);
}
console.log(`batch ${batch.title}`);
console.log(`${batch.status}: ${batch.rows.valid} of ${batch.rows.read} rows valid`);
if (batch.status !== 'done') process.exit(1);
