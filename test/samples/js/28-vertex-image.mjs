// "Veo on Vertex AI API", sections "Image-to-video generation request" with its optional parameters and "Poll the status",
// through the client library. Without a place in Cloud Storage, so that the reply holds the bytes.
import { readFileSync, writeFileSync } from 'node:fs';
import { GoogleGenAI } from '@google/genai';

const ai = new GoogleGenAI({
  enterprise: true,
  project: process.env.GOOGLE_CLOUD_PROJECT,
  location: 'us-central1',
});

let operation = await ai.models.generateVideos({
  model: 'veo-2.0-generate-001',
  source: {
    prompt: 'A horseman crosses an open plain in the evening light',
    image: { imageBytes: readFileSync('input.png').toString('base64'), mimeType: 'image/png' },
  },
  config: {
    aspectRatio: '9:16',
    negativePrompt: 'overhead lighting, bright colors',
    personGeneration: 'allow_adult',
    numberOfVideos: 2,
    seed: 42,
    durationSeconds: 6,
    enhancePrompt: true,
  },
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

operation.response.generatedVideos.forEach(({ video }, n) => {
  writeFileSync(`sample_${n}.mp4`, Buffer.from(video.videoBytes, 'base64'));
});
