// "Veo Video Generation API (Python)", section "Fast Generation for Iteration".
// Completed: it only starts the operation; waiting and download are those of the basic example.
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-fast-generate-preview',
  prompt: 'A cat with a ball of yarn, close up, soft light',
  config: {
    resolution: '720p',
    // A string, as the document insists.
    durationSeconds: '4',
  },
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const video = operation.response.generatedVideos[0];
await ai.files.download({ file: video.video, downloadPath: 'yarn.mp4' });
console.log('Generated video saved to yarn.mp4');
