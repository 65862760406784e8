// "Generate videos with Veo 3.1 in Gemini API", section "Image to video generation".
// Corrected: generateContent takes `contents`, not `prompt`, and answers candidates, not `generatedImages`.
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

const prompt = 'A kitten asleep on a warm window sill, wide shot, slow pan';

const imageResponse = await ai.models.generateContent({
  model: 'gemini-2.5-flash-image',
  contents: prompt,
});

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: prompt,
  image: {
    imageBytes: imageResponse.candidates[0].content.parts.find((part) => part.inlineData).inlineData.data,
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
  downloadPath: 'veo3_with_image_input.mp4',
});
console.log(`Generated video saved to veo3_with_image_input.mp4`);
