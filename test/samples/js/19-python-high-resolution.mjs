// "Veo Video Generation API (Python)", section "High-Resolution Video with Negative Prompt".
// Completed: it only starts the operation; waiting and download are those of the basic example.
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'A chef at work in a small kitchen, warm light, close-ups',
  config: {
    resolution: '1080p',
    // A string, as the document insists.
    durationSeconds: '8',
    negativePrompt: 'blurry, low quality, text overlay, watermark',
  },
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const video = operation.response.generatedVideos[0];
await ai.files.download({ file: video.video, downloadPath: 'sushi.mp4' });
console.log('Generated video saved to sushi.mp4');
