import { currentStage, type Stage } from '../../functions/core/job/stages.ts';
import type { VideoRequest } from '../../functions/core/job/video-request.ts';

/** A complete request of Vertex's Veo: eight seconds of a cat, but for what is asked otherwise. */
export const makeRequest = (over: Partial<VideoRequest> = {}): VideoRequest => ({
  provider: 'vertex',
  model: 'veo-3.1-fast-generate-001',
  prompt: 'a cat',
  durationSeconds: 8,
  aspectRatio: '16:9',
  resolution: '720p',
  sampleCount: 1,
  generateAudio: true,
  ...over,
});

/** Its first stage. */
export const firstStage = (over: Partial<VideoRequest> = {}): Stage =>
  currentStage({ request: makeRequest(over), attempts: [] });
