// "Veo Video Generation API (Python)", section "Portrait Video (9:16)".
// Completed: it only starts the operation; waiting and download are those of the basic example.
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'A dancer alone in a studio, dramatic light',
  config: {
    aspectRatio: '9:16',
    resolution: '1080p',
  },
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const video = operation.response.generatedVideos[0];
await ai.files.download({ file: video.video, downloadPath: 'dancer.mp4' });
console.log('Generated video saved to dancer.mp4');
