// "Veo on Vertex AI API", sections "Text-to-video generation request" and "Poll the status", through the client library.
import { GoogleGenAI } from '@google/genai';

const ai = new GoogleGenAI({
  enterprise: true,
  project: process.env.GOOGLE_CLOUD_PROJECT,
  location: 'us-central1',
});

let operation = await ai.models.generateVideos({
  model: 'veo-2.0-generate-001',
  source: { prompt: 'Northern lights over a snow field, time lapse' },
  config: {
    outputGcsUri: process.env.OUTPUT_STORAGE_URI,
    numberOfVideos: 1,
  },
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

console.log(operation.response.generatedVideos[0].video.uri);
