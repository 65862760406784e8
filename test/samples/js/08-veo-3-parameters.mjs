// "Gemini API libraries" with its guides for Veo 3, section "Video generation parameters and specifications".
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

let operation = await ai.models.generateVideos({
  model: 'veo-3.0-generate-preview',
  prompt: 'A lion walks through high grass, cinematic.',
  config: {
    aspectRatio: '16:9',
    negativePrompt: 'cartoon, drawing, low quality',
  },
});

while (!operation.done) {
  console.log('Waiting for video generation to complete...');
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({
    operation: operation,
  });
}

ai.files.download({
  file: operation.response.generatedVideos[0].video,
  downloadPath: 'parameters_example.mp4',
});
console.log(`Generated video saved to parameters_example.mp4`);
