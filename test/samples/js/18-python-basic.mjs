// "Veo Video Generation API (Python)", section "Basic Text-to-Video".
// Corrected: it prints a duration that the video of an operation does not have.
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'A dog runs across a meadow in the sun, slow motion, shallow depth of field',
  config: {
    aspectRatio: '16:9',
    resolution: '720p',
  },
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const video = operation.response.generatedVideos[0];
await ai.files.download({ file: video.video, downloadPath: 'meadow.mp4' });
console.log('Generated video saved to meadow.mp4');
