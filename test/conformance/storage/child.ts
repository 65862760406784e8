/**
 * The local Cloud Storage and Eventarc in a separate process, which tests kill or measure. `argv` holds the state
 * folder and the receiver of events. It reports its address over IPC.
 */
import path from 'node:path';
import { startEventarc } from '../../../infra/eventarc/eventarc.ts';
import { startStorage } from '../../../infra/storage/server.ts';
import { BUCKET } from './harness.ts';

const [stateDir = '', receiver = ''] = process.argv.slice(2);
const eventarc = startEventarc({
  stateDir: path.join(stateDir, 'eventarc'),
  triggers: [
    {
      bucket: BUCKET,
      eventType: 'google.cloud.storage.object.v1.finalized',
      url: receiver,
      serviceAccountEmail: 'events@clapper-local.iam.gserviceaccount.com',
    },
  ],
  retry: { minBackoffMs: 20, maxBackoffMs: 100, retentionMs: 60_000 },
});
const server = await startStorage({
  stateDir: path.join(stateDir, 'storage'),
  buckets: [{ name: BUCKET }],
  onObjectEvent: (event) => eventarc.publish(event),
});
process.send?.({ url: server.url });
