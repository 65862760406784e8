/** The paid jobs, each as short and small as its question allows. */
import { findModel, limitsIn, type VideoModelSpec } from '../../../functions/core/catalogue/catalogue.ts';
import { CATALOGUE } from '../../../functions/core/catalogue/models.ts';
import { image, references } from '../inputs.ts';
import {
  asAssumed,
  compare,
  differs,
  type Finding,
  type PaidAnswer,
  type PaidStep,
  unknown,
} from '../step.ts';

const succeeds = ({ job }: PaidAnswer): Finding => {
  if (!job) return unknown('no job');
  const { status, priceUsd, error, videos = [] } = job;
  const charged = `charged $${priceUsd.charged} of the estimated $${priceUsd.estimate}`;
  return status === 'succeeded'
    ? asAssumed(`job ${job.id}: ${videos.length} video, ${videos[0]?.bytes ?? 0} bytes, ${charged}`)
    : differs(`job ${job.id} ${status}: ${error?.code ?? ''} ${error?.message ?? ''}; ${charged}`);
};

const job = (id: string, title: string, body: Readonly<Record<string, unknown>>): PaidStep => ({
  id,
  title,
  paid: { kind: 'job', body },
  conclude: succeeds,
});

const LITE = 'veo-3.1-lite-generate-001';
const silent = { durationSeconds: 4, resolution: '720p', generateAudio: false };
const small = { durationSeconds: 3, resolution: '360p' };

export const firstVideo = job('first-video', 'A job makes a video, which lands in the output bucket', {
  prompt: 'White clouds drift slowly over a green hill',
  model: 'veo-3.1-fast-generate-001',
  ...silent,
});

export const lastFrameLite = job(
  'last-frame-lite',
  'Veo 3.1 Lite takes a last frame, and Vertex AI can read the images of a request',
  { prompt: 'Clouds drift', model: LITE, ...silent, image: image(0), lastFrame: image(1) },
);

/** As many as the catalogue says: a refusal is free, and shows that it says too many. */
function omniWithReferences(id: string, model: string): PaidStep {
  const count = videoModel(model).referenceImagesMax;
  return job(id, `${model} takes ${count} reference images`, {
    prompt: 'These hills, one after the other',
    model,
    ...small,
    referenceImages: references(count),
  });
}

export const omniReferences = omniWithReferences('omni-references', 'gemini-omni-1.2-flash');
export const omniReferences11 = omniWithReferences('omni-1-1-references', 'gemini-omni-1.1-flash');

/** As long as the catalogue says. */
function omniBetweenFrames(id: string, model: string): PaidStep {
  const durationSeconds = Math.max(...limitsIn(videoModel(model), 'firstLast').durationsSeconds);
  return job(id, `${model} makes ${durationSeconds} s between a first and a last frame`, {
    prompt: 'The light changes',
    model,
    ...small,
    durationSeconds,
    image: image(0),
    lastFrame: image(1),
  });
}

export const omniFrames = omniBetweenFrames('omni-frames', 'gemini-omni-1.2-flash');
export const omniFrames11 = omniBetweenFrames('omni-1-1-frames', 'gemini-omni-1.1-flash');

function videoModel(model: string): VideoModelSpec {
  const spec = findModel(CATALOGUE, model);
  if (spec?.kind !== 'video') throw new Error(`The catalogue has no video model ${model}.`);
  return spec;
}

export const personGeneration: PaidStep = {
  id: 'person-generation',
  title:
    'Vertex AI refuses personGeneration allow_all in a project that is not listed for it, without a charge',
  paid: {
    kind: 'job',
    body: { prompt: 'Clouds drift', model: LITE, ...silent, personGeneration: 'allow_all' },
  },
  conclude({ job: made }) {
    if (!made) return unknown('no job');
    const { id, status, error, priceUsd } = made;
    if (status === 'succeeded')
      return compare(`job ${id} succeeded: this project may use allow_all. Charged $${priceUsd.charged}.`);
    const seen = `job ${id} ${status}: ${error?.code ?? ''} ${error?.message ?? ''}; charged: ${error?.charged ?? 'no'}`;
    return error?.code === 'INVALID_ARGUMENT' && error.charged === 'no' ? asAssumed(seen) : differs(seen);
  },
};
