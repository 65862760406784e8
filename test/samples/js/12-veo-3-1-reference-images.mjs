// "Generate videos with Veo 3.1 in Gemini API", section "Using reference images"; the document has it in Python only.
// Corrected: it declares `sunglasses_reference` and passes `glasses_reference`, and does not import `types`.
import { GoogleGenAI, VideoGenerationReferenceType } from 'google-genai-2';

const ai = new GoogleGenAI({});

/** "Generated separately with Nano Banana": as the section before does it. */
async function generatedImage(prompt) {
  const { candidates } = await ai.models.generateContent({
    model: 'gemini-2.5-flash-image',
    contents: prompt,
    config: { responseModalities: ['IMAGE'] },
  });
  const { data, mimeType } = candidates[0].content.parts.find((part) => part.inlineData).inlineData;
  return { imageBytes: data, mimeType };
}

const dressImage = await generatedImage('A dress of pink feathers');
const glassesImage = await generatedImage('Heart-shaped sunglasses');
const womanImage = await generatedImage('A woman with dark hair');

const dressReference = { image: dressImage, referenceType: VideoGenerationReferenceType.ASSET };
const sunglassesReference = { image: glassesImage, referenceType: VideoGenerationReferenceType.ASSET };
const womanReference = { image: womanImage, referenceType: VideoGenerationReferenceType.ASSET };

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'She wades through a shallow lagoon in the dress and the sunglasses; the camera draws back.',
  config: {
    referenceImages: [dressReference, sunglassesReference, womanReference],
  },
});

while (!operation.done) {
  console.log('Waiting for video generation to complete...');
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({
    operation: operation,
  });
}

const video = operation.response.generatedVideos[0];
await ai.files.download({ file: video.video, downloadPath: 'veo3.1_with_reference_images.mp4' });
console.log('Generated video saved to veo3.1_with_reference_images.mp4');
