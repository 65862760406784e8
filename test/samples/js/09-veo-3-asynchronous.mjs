// "Gemini API libraries" with its guides for Veo 3, section "Handling Asynchronous Operations".
// Its last comment, to process and download the video, is filled in as the Veo 2 guide does it: the key behind the URI.
import { writeFile } from 'node:fs/promises';
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

let operation = await ai.models.generateVideos({
  model: 'veo-3.0-generate-preview',
  prompt: 'A lion walks through high grass, cinematic.',
});

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const resp = await fetch(
  `${operation.response.generatedVideos[0].video.uri}&key=${process.env.GEMINI_API_KEY}`,
);
await writeFile('asynchronous.mp4', resp.body);
