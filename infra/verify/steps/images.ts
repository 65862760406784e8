/** The paid calls of image models. */
import { asAssumed, differs, type PaidStep } from '../step.ts';

const throughClapper = (id: string, model: string): PaidStep => ({
  id,
  title: `${model} makes an image under the global endpoint, through Clapper's surface of Vertex AI`,
  paid: { kind: 'image', model, location: 'global', method: 'generateContent', through: 'clapper' },
  conclude: ({ status, message }) =>
    status === 200 && message === 'an image' ? asAssumed('an image') : differs(`HTTP ${status}: ${message}`),
});

export const imageFlash = throughClapper('image-flash', 'gemini-3.1-flash-image');
export const imagePro = throughClapper('image-pro', 'gemini-3-pro-image');
export const image25 = throughClapper('image-2-5', 'gemini-2.5-flash-image');

/** Clapper refuses retired models, so this goes to Google directly. A refusal is free. */
export const imagen: PaidStep = {
  id: 'imagen',
  title: 'Vertex AI has retired Imagen',
  paid: {
    kind: 'image',
    model: 'imagen-4.0-fast-generate-001',
    location: 'us-central1',
    method: 'predict',
    through: 'google',
  },
  conclude: ({ status, message }) =>
    status === 404 ? asAssumed(`HTTP 404: ${message}`) : differs(`HTTP ${status}: ${message}`),
};
