// "Generate videos with Veo 3.1 in Gemini API", section "Handling asynchronous operations".
// Its last comment, to process and download the video, is filled in with the library's download.
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'A lion walks through high grass, cinematic.',
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

await ai.files.download({
  file: operation.response.generatedVideos[0].video,
  downloadPath: 'asynchronous.mp4',
});
