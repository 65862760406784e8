// Genkit with the plugin of the Developer API. Its plugin of Vertex AI has no option for the base URL.
import { readFileSync, writeFileSync } from 'node:fs';
import { googleAI } from '@genkit-ai/google-genai';
import { genkit } from 'genkit';

const { BASE_URL, API_KEY } = process.env;
const plugin = googleAI({ apiKey: API_KEY, baseUrl: BASE_URL });
const ai = genkit({ plugins: [plugin] });
const models = (await plugin.list()).map(({ name }) => name);

const drawn = await ai.generate({
  model: googleAI.model('gemini-3.1-flash-image'),
  prompt: 'A calico kitten asleep in the sun',
  config: { responseModalities: ['IMAGE'] },
});
writeFileSync('drawn.png', Buffer.from(drawn.media.url.split(',')[1], 'base64'));

const first = `data:image/png;base64,${readFileSync('first.png').toString('base64')}`;
let { operation } = await ai.generate({
  model: googleAI.model('veo-3.1-generate-preview'),
  prompt: [{ text: 'The kitten wakes up' }, { media: { contentType: 'image/png', url: first } }],
  config: { durationSeconds: 4, aspectRatio: '9:16', seed: 7, sampleCount: 2 },
});
while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 5000)));
  operation = await ai.checkOperation(operation);
}
if (operation.error) throw new Error(operation.error.message);
for (const [n, { media }] of operation.output.message.content.entries()) {
  // The link needs the key (genkit-ai/genkit#4025).
  const response = await fetch(`${media.url}&key=${API_KEY}`);
  if (!response.ok) throw new Error(`${media.url}: ${response.status}`);
  writeFileSync(`video-${n}.mp4`, Buffer.from(await response.arrayBuffer()));
}
console.log(JSON.stringify({ models }));
