// "Veo Video Generation API (Python)", section "Frame-Specific Generation (First and Last Frame)".
// Completed: it only starts the operation; waiting and download are those of the basic example.
import { readFileSync } from 'node:fs';
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

const readImage = (file) => ({ imageBytes: readFileSync(file).toString('base64'), mimeType: 'image/png' });
const firstFrame = readImage('start_frame.png');
const finalFrame = readImage('final_frame.png');

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'One scene turns smoothly into the other',
  image: firstFrame,
  config: {
    lastFrame: finalFrame,
    resolution: '720p',
  },
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const video = operation.response.generatedVideos[0];
await ai.files.download({ file: video.video, downloadPath: 'transition.mp4' });
console.log('Generated video saved to transition.mp4');
