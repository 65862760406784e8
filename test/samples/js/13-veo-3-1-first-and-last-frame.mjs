// "Generate videos with Veo 3.1 in Gemini API", section "Using first and last frames"; the document has it in Python only.
import { GoogleGenAI } from 'google-genai-2';

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

const firstImage = await generatedImage('A woman on a swing below a large tree, fog, moonlight');
const lastImage = await generatedImage('An empty swing below a large tree, fog, moonlight');

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'She swings, fades into the fog and is gone; the empty swing goes on.',
  image: firstImage,
  config: {
    lastFrame: lastImage,
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
await ai.files.download({ file: video.video, downloadPath: 'veo3.1_with_interpolation.mp4' });
console.log('Generated video saved to veo3.1_with_interpolation.mp4');
