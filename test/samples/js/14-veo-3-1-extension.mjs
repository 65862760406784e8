// "Generate videos with Veo 3.1 in Gemini API", section "Extending Veo videos"; the document has it in Python only.
// Completed: the video "from a previous generation" is generated first.
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'A paper butterfly unfolds and flies out of the window into a garden.',
});

while (!operation.done) {
  console.log('Waiting for video generation to complete...');
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({
    operation: operation,
  });
}

operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  video: operation.response.generatedVideos[0].video,
  prompt: 'The butterfly settles on a paper flower, and a puppy comes to look.',
  config: {
    numberOfVideos: 1,
    resolution: '720p',
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
await ai.files.download({ file: video.video, downloadPath: 'veo3.1_extension.mp4' });
console.log('Generated video saved to veo3.1_extension.mp4');
