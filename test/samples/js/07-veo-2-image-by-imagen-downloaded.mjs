// "Gemini API libraries" with its guides for Veo 3, section "Generating videos from images".
// Changed: `ai.models.generateImages` is `generateImages`, since the library no longer has it for the Developer API.
import { GoogleGenAI } from 'google-genai-2';
import { generateImages } from '../developer-imagen.mjs';

const ai = new GoogleGenAI({});

const prompt = 'A kitten asleep on a warm window sill, wide shot, slow pan';

const imagenResponse = await generateImages({
  model: 'imagen-3.0-generate-002',
  prompt: prompt,
});

let operation = await ai.models.generateVideos({
  model: 'veo-2.0-generate-001',
  prompt: prompt,
  image: {
    imageBytes: imagenResponse.generatedImages[0].image.imageBytes,
    mimeType: 'image/png',
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
  downloadPath: 'veo2_with_image_input.mp4',
});
console.log(`Generated video saved to veo2_with_image_input.mp4`);
