// "Veo Video Generation API (Python)", section "Video Extension".
import { GoogleGenAI } from 'google-genai-2';

const ai = new GoogleGenAI({});

let baseOperation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  prompt: 'A rocket leaves its pad in a cloud of smoke',
  config: { resolution: '720p' },
});
while (!baseOperation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  baseOperation = await ai.operations.getVideosOperation({ operation: baseOperation });
}

const baseVideo = baseOperation.response.generatedVideos[0].video;

let operation = await ai.models.generateVideos({
  model: 'veo-3.1-generate-preview',
  video: baseVideo,
  prompt: 'The rocket climbs through the clouds to the edge of space',
  config: { resolution: '720p' },
});
while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.POLL_INTERVAL_MS ?? 10000)));
  operation = await ai.operations.getVideosOperation({ operation });
}

const video = operation.response.generatedVideos[0];
await ai.files.download({ file: video.video, downloadPath: 'rocket_extended.mp4' });
console.log('Generated video saved to rocket_extended.mp4');
