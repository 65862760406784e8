// Google's client library. CLIENT is the module, and SURFACE 'developer', 'express' (Vertex AI by an API key) or 'vertex'
// (Vertex AI by Application Default Credentials, which get an access token).
import { readFileSync, writeFileSync } from 'node:fs';

const { BASE_URL, API_KEY, CLIENT, SURFACE } = process.env;
const { GoogleGenAI } = await import(CLIENT);
const isDeveloper = SURFACE === 'developer';

const ai = new GoogleGenAI({
  ...{
    developer: { apiKey: API_KEY },
    express: { vertexai: true, apiKey: API_KEY },
    vertex: { vertexai: true, project: 'my-project', location: 'us-central1' },
  }[SURFACE],
  httpOptions: { baseUrl: BASE_URL },
});

const models = [];
for await (const { name } of await ai.models.list()) models.push(name);

const drawn = await ai.models.generateContent({
  model: 'gemini-3.1-flash-image',
  contents: 'A calico kitten asleep in the sun',
  config: { responseModalities: ['IMAGE'] },
});
const { data } = drawn.candidates[0].content.parts.find((part) => part.inlineData).inlineData;
writeFileSync('drawn.png', Buffer.from(data, 'base64'));

let operation;
try {
  operation = await ai.models.generateVideos({
    model: isDeveloper ? 'veo-3.1-generate-preview' : 'veo-3.1-fast-generate-001',
    prompt: 'The kitten wakes up',
    image: { imageBytes: readFileSync('first.png').toString('base64'), mimeType: 'image/png' },
    config: {
      numberOfVideos: 2,
      durationSeconds: 4,
      aspectRatio: '9:16',
      ...(isDeveloper ? {} : { seed: 7 }),
    },
  });
} catch (error) {
  console.log(JSON.stringify({ models, refused: error.message }));
  process.exit();
}
while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}
for (const [n, { video }] of operation.response.generatedVideos.entries()) {
  if (isDeveloper) await ai.files.download({ file: video, downloadPath: `video-${n}.mp4` });
  else writeFileSync(`video-${n}.mp4`, Buffer.from(video.videoBytes, 'base64'));
}
console.log(JSON.stringify({ models }));
