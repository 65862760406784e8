// "Veo Video Generation API (Python)", section "Reference Images (Up to 3)".
// Completed: it only starts the operation; waiting and download are those of the basic example.
// Corrected: its second reference is of type "style", which Veo 3.1 does not take; both are "asset" here.
import { readFileSync } from 'node:fs';
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

const readImage = (file) => ({ imageBytes: readFileSync(file).toString('base64'), mimeType: 'image/png' });
const references = [
  { image: readImage('subject.png'), referenceType: 'asset' },
  { image: readImage('style.png'), referenceType: 'asset' },
];

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'The subject walks through a forest that looks like the second picture',
  config: {
    referenceImages: references,
    resolution: '720p',
  },
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const video = operation.response.generatedVideos[0];
await ai.files.download({ file: video.video, downloadPath: 'references.mp4' });
console.log('Generated video saved to references.mp4');
