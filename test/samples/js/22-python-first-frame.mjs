// "Veo Video Generation API (Python)", section "Frame-Specific Generation (First Frame)".
// Completed: the download is that of the basic example.
import { readFileSync } from 'node:fs';
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

const readImage = (file) => ({ imageBytes: readFileSync(file).toString('base64'), mimeType: 'image/png' });
const firstFrame = readImage('start_frame.png');

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'The scene wakes up: a light wind goes through the trees',
  image: firstFrame,
  config: { resolution: '720p' },
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const video = operation.response.generatedVideos[0];
await ai.files.download({ file: video.video, downloadPath: 'first_frame.mp4' });
console.log('Generated video saved to first_frame.mp4');
