// "Generate videos with Veo 3.1 in Gemini API", section "Handling asynchronous operations": the operation by its name.
// The document has it in Python only; in its JavaScript it is a comment. The download is as in its curl samples: a header.
import { writeFile } from 'node:fs/promises';
import { GenerateVideosOperation, GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

const started = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'A lion walks through high grass, cinematic.',
});

let operation = Object.assign(new GenerateVideosOperation(), { name: started.name });

while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const resp = await fetch(operation.response.generatedVideos[0].video.uri, {
  headers: { 'x-goog-api-key': process.env.GEMINI_API_KEY },
});
await writeFile('by_name.mp4', resp.body);
