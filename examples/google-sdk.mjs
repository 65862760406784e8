// A video through Google's own client library. Only the base URL and the key differ from a program that calls Google.
// The Vertex AI form: since series 3 of @google/genai the Gemini API form no longer generates videos.
import { writeFile } from 'node:fs/promises';
import { GoogleGenAI } from '@google/genai';

const ai = new GoogleGenAI({
  enterprise: true,
  // An API key of the deployment. On the local stack any word works; it becomes the caller's name.
  apiKey: process.env.CLAPPER_TOKEN ?? 'my-app',
  httpOptions: { baseUrl: process.env.CLAPPER_URL ?? 'http://127.0.0.1:8080' },
});

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-fast-generate-001',
  source: { prompt: 'A calico kitten wakes and stretches' },
  config: { durationSeconds: 4 },
});
// The operation is a job like any other: GET /v1/jobs lists it.
console.log(`job ${operation.metadata?.jobId ?? `job_${operation.name.split('/').at(-1)}`}`);

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 5000)));
  operation = await ai.operations.getVideosOperation({ operation });
}
if (operation.error) throw new Error(JSON.stringify(operation.error));

// Without `outputGcsUri` in the config the reply holds the bytes. With it, `video.uri` is a gs:// name.
const [{ video }] = operation.response.generatedVideos;
await writeFile('kitten.mp4', Buffer.from(video.videoBytes, 'base64'));
console.log('wrote kitten.mp4');
