// Vercel's AI SDK. SURFACE is 'developer' (@ai-sdk/google), 'express' or 'vertex' (@ai-sdk/google-vertex by an API key, or
// by Application Default Credentials).
import { readFileSync, writeFileSync } from 'node:fs';
import { createGoogle } from '@ai-sdk/google';
import { createGoogleVertex } from '@ai-sdk/google-vertex';
import { generateImage, experimental_generateVideo as generateVideo } from 'ai';

const { BASE_URL, API_KEY, SURFACE, DOWNLOAD } = process.env;
const provider = {
  developer: () => createGoogle({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1beta` }),
  express: () => createGoogleVertex({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1/publishers/google` }),
  vertex: () =>
    createGoogleVertex({
      baseURL: `${BASE_URL}/v1beta1/projects/my-project/locations/us-central1/publishers/google`,
    }),
}[SURFACE]();

const { image } = await generateImage({
  model: provider.image('gemini-3.1-flash-image'),
  prompt: 'A calico kitten asleep in the sun',
  aspectRatio: '16:9',
});
writeFileSync('drawn.png', image.uint8Array);

/** The client's own download refuses addresses of this machine (vercel/ai#13085). */
async function download({ url, abortSignal }) {
  const response = await fetch(url, { signal: abortSignal });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return { data: new Uint8Array(await response.arrayBuffer()), mediaType: 'video/mp4' };
}

const { videos, warnings } = await generateVideo({
  model: provider.video(SURFACE === 'developer' ? 'veo-3.1-generate-preview' : 'veo-3.1-fast-generate-001'),
  prompt: { text: 'The kitten wakes up', image: readFileSync('first.png') },
  n: 2,
  seed: 7,
  duration: 4,
  aspectRatio: '9:16',
  resolution: '1280x720',
  poll: { intervalMs: Number(process.env.POLL_INTERVAL_MS ?? 5000) },
  ...(DOWNLOAD === 'own' ? { download } : {}),
}).catch((error) => {
  console.log(JSON.stringify({ refused: error.message }));
  process.exit();
});
for (const [n, { uint8Array }] of videos.entries()) writeFileSync(`video-${n}.mp4`, uint8Array);
console.log(JSON.stringify({ warnings }));
