// "Generate video using Veo" (the Veo 2 guide), section "Generate from images": its two samples, which are halves of one.
// Corrected: the second half uses a `response` that only the first declares; they share a module here.
// Changed: `ai.models.generateImages` is `generateImages`, since the library no longer has it for the Developer API.
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { GoogleGenAI } from 'google-genai-2';
import { generateImages } from '../developer-imagen.mjs';

const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
const response = await generateImages({
  model: 'imagen-3.0-generate-002',
  prompt: 'A kitten asleep on a warm window sill, wide shot, slow pan',
  config: {
    numberOfImages: 1,
  },
});

async function main() {
  let operation = await ai.models.generateVideos({
    model: 'veo-2.0-generate-001',
    prompt: 'A kitten asleep on a warm window sill, wide shot, slow pan',
    image: {
      imageBytes: response.generatedImages[0].image.imageBytes,
      mimeType: 'image/png',
    },
    config: {
      aspectRatio: '16:9',
      numberOfVideos: 2,
    },
  });

  while (!operation.done) {
    await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
    operation = await ai.operations.getVideosOperation({
      operation: operation,
    });
  }

  operation.response?.generatedVideos?.forEach(async (generatedVideo, n) => {
    const resp = await fetch(`${generatedVideo.video?.uri}&key=${process.env.GEMINI_API_KEY}`);
    const writer = createWriteStream(`video${n}.mp4`);
    Readable.fromWeb(resp.body).pipe(writer);
  });
}

main();
