/**
 * A measured process that lands jobs concurrently. The provider's answers are scripted; its download and the bucket are
 * the real adapters. `argv` holds the order; the number of landed bytes is sent over IPC.
 */
import { Storage } from '@google-cloud/storage';
import { createResultStore } from '../../functions/adapters/cloud-storage.ts';
import { createGeminiProvider } from '../../functions/adapters/gemini-provider.ts';
import { createOmniProvider } from '../../functions/adapters/omni-provider.ts';
import type { VideoProvider } from '../../functions/ports.ts';
import { accept } from '../support/jobs.ts';
import { makeWorld, type World } from '../support/memory.ts';
import { deliver } from '../support/run.ts';
import { type Landed, type Landing, landingSchema } from './landing-message.ts';

const MODELS = { gemini: 'veo-3.1-generate-preview', omni: 'gemini-omni-1.1-flash' };
const MINUTE_MS = 60_000;
const never = async (): Promise<Uint8Array> => {
  throw new Error('a landing must not read inputs');
};

const landing = landingSchema.parse(JSON.parse(process.argv[2] ?? ''));
const { provider, videos, mib, filesUrl, storageUrl, bucket } = landing;
const world = makeWorld();
const { gemini: scripted } = world;
scripted.onPoll = () => ({
  kind: 'done',
  result: { sources: [{ uri: `${filesUrl}/v1beta/files/${mib}` }], filteredCount: 0, filteredReasons: [] },
});
scripted.onDownload = providerOf(landing).download;
const storage = new Storage({ projectId: 'bench', apiEndpoint: storageUrl });
const landingWorld: World = {
  ...world,
  services: {
    ...world.services,
    providers: { [provider]: scripted },
    results: createResultStore(storage, storage, bucket),
    settings: { ...world.services.settings, requestsPerMinute: 1e9 },
  },
};
for (let n = 0; n < videos; n++) await accept(landingWorld, { provider, model: MODELS[provider] });
await finishTogether(landingWorld);
let bytes = 0;
for (const job of await landingWorld.jobs.all()) {
  const video = job.status === 'succeeded' ? job.videos[0] : undefined;
  if (video?.durationSeconds !== 4)
    throw new Error(`a job is ${job.status}: ${JSON.stringify(world.log.at(-1))}`);
  bytes += video.bytes;
}
const landed: Landed = { bytes };
process.send?.(landed);
// Keeps the process alive until its usage was requested.
setInterval(() => undefined, MINUTE_MS);

/** Submits one job after the other, then polls and lands all of them concurrently, until no task is left. */
async function finishTogether(all: World): Promise<void> {
  const { tasks, clock } = all;
  while (tasks.waiting.length > 0) {
    clock.advance(MINUTE_MS);
    const polls: Promise<void>[] = [];
    for (let task = tasks.take(clock.now()); task; task = tasks.take(clock.now())) {
      const delivered = deliver(all, task);
      if (task.target === 'submit') await delivered;
      else polls.push(delivered);
    }
    await Promise.all(polls);
  }
}

function providerOf({ provider: name }: Landing): VideoProvider {
  const options = { pollTimeoutMs: 30_000, fetch };
  const backend = { kind: 'developer', apiKey: 'bench', baseUrl: filesUrl } as const;
  return name === 'gemini'
    ? createGeminiProvider({ ...options, ...backend, readImage: never })
    : createOmniProvider({ ...options, backend, readInput: never });
}
