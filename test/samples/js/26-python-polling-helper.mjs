// "Veo Video Generation API (Python)", section "Polling Helper".
import { GoogleGenAI } from 'google-genai-2';

async function generateVideoSync(ai, { pollIntervalMs = 10000, ...request }) {
  let operation = await ai.models.generateVideos(request);

  while (!operation.done) {
    await new Promise((resolve) => setTimeout(resolve, pollIntervalMs));
    operation = await ai.operations.getVideosOperation({ operation });
  }

  return operation.response.generatedVideos[0];
}

const ai = new GoogleGenAI({});
const result = await generateVideoSync(ai, {
  model: 'veo-3.1-generate-preview',
  prompt: 'A city skyline from sunset to night, time lapse',
  // A string, as the document insists.
  config: { resolution: '1080p', durationSeconds: '8' },
  pollIntervalMs: Number(process.env.POLL_INTERVAL_MS ?? 10000),
});
await ai.files.download({ file: result.video, downloadPath: 'skyline.mp4' });
