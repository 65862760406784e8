// "Generate videos with Veo 3.1 in Gemini API", section "Text to video generation".
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

const prompt = `Two people before a strange drawing on a wall, by torchlight.
One murmurs, 'Here it is. That's the code.' The other asks, 'What have you found?'`;

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: prompt,
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
  downloadPath: 'dialogue_example.mp4',
});
console.log(`Generated video saved to dialogue_example.mp4`);
