import { currentStage, type Stage } from '../../functions/core/job/stages.ts';
import type { VideoRequest } from '../../functions/core/job/video-request.ts';

/** A complete request for Veo on Vertex, with the given differences. */
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

/** The first stage of such a request. */
export const firstStage = (over: Partial<VideoRequest> = {}): Stage =>
  currentStage({ request: makeRequest(over), attempts: [] });
