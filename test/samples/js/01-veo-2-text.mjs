// "Generate video using Veo" (the Veo 2 guide), section "Generate from text".
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });

async function main() {
  let operation = await ai.models.generateVideos({
    model: 'veo-2.0-generate-001',
    prompt: 'A kitten asleep on a warm window sill, wide shot, slow pan',
    config: {
      personGeneration: 'dont_allow',
      aspectRatio: '16:9',
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
