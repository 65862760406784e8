/** Routes of the image models: `generateContent` and `predict`, on Vertex AI and on the Developer API. */
import { type Credentials, requireAccessToken, requireApiKey } from '../http/access.ts';
import { invalid, refuse } from '../http/google-error.ts';
import type { Route } from '../http/router.ts';
import type { ImageContext } from './image-call.ts';
import {
  findGeminiImageModel,
  findImagenModel,
  type ImageModel,
  type ImageModelLookup,
} from './image-catalogue.ts';
import { generateContent } from './image-content.ts';
import { predictImages } from './image-predict.ts';

export interface ImageOptions extends Credentials {
  readonly context: ImageContext;
  /** Regions of Vertex AI that serve image models. `global` also serves Gemini's. */
  readonly locations: readonly string[];
  /** Whether Google still serves Imagen 4, as it did until summer 2026. */
  readonly isImagenAlive: boolean;
}

const VERTEX_MODEL =
  '/(?:v1|v1beta1)/(?<parent>projects/(?<project>[^/]+)/locations/(?<location>[^/]+)' +
  '/publishers/google/models/(?<model>[^/:]+))';
const DEVELOPER_MODEL = '/(?<version>v1beta|v1)/models/(?<model>[^/:]+)';

type Groups = Readonly<Record<string, string>>;

export function imageRoutes(options: ImageOptions): readonly Route[] {
  const { context, locations } = options;
  return [
    {
      method: 'POST',
      path: new RegExp(`^${VERTEX_MODEL}:generateContent$`),
      handle: (call, groups) => {
        requireAccessToken(call, 'GenerateContent', options);
        const found = findGeminiImageModel(groups['model'] ?? '', 'vertex');
        const model = requireVertexModel(found, groups, [...locations, 'global']);
        return generateContent(context, { surface: 'vertex', project: groups['project'] ?? '', model }, call);
      },
    },
    {
      method: 'POST',
      path: new RegExp(`^${VERTEX_MODEL}:predict$`),
      handle: (call, groups) => {
        requireAccessToken(call, 'Predict', options);
        const found = findImagenModel(groups['model'] ?? '', options.isImagenAlive);
        const model = requireVertexModel(found, groups, locations);
        return predictImages(context, { surface: 'vertex', project: groups['project'] ?? '', model }, call);
      },
    },
    {
      method: 'POST',
      path: new RegExp(`^${DEVELOPER_MODEL}:generateContent$`),
      handle: (call, groups) => {
        const project = requireApiKey(call, options);
        const model = requireDeveloperModel(
          findGeminiImageModel(groups['model'] ?? ''),
          groups,
          'generateContent',
        );
        return generateContent(context, { surface: 'developer', project, model }, call);
      },
    },
    {
      method: 'POST',
      path: new RegExp(`^${DEVELOPER_MODEL}:predict$`),
      handle: (call, groups) => {
        const project = requireApiKey(call, options);
        const found = findImagenModel(groups['model'] ?? '', options.isImagenAlive);
        const model = requireDeveloperModel(found, groups, 'predict');
        return predictImages(context, { surface: 'developer', project, model }, call);
      },
    },
  ];
}

function requireVertexModel<M extends ImageModel>(
  found: ImageModelLookup<M>,
  groups: Groups,
  locations: readonly string[],
): M {
  const { parent = '', location = '' } = groups;
  if (!/^[a-z]+-[a-z]+\d+$/.test(location) && location !== 'global') {
    return invalid(`Invalid location: ${location}.`);
  }
  if (found.kind === 'retired') {
    return refuse(
      'NOT_FOUND',
      `Publisher Model \`${parent}\` is no longer available. Please use a newer model.`,
    );
  }
  if (found.kind === 'live' && locations.includes(location)) return found.model;
  return refuse(
    'NOT_FOUND',
    `Publisher Model \`${parent}\` was not found or your project does not have access to it. ` +
      'Please ensure you are using a valid model version. For more information, see: ' +
      'https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions',
  );
}

function requireDeveloperModel<M extends ImageModel>(
  found: ImageModelLookup<M>,
  { model = '', version = '' }: Groups,
  method: string,
): M {
  if (found.kind === 'live') return found.model;
  if (found.kind === 'retired') {
    return refuse('NOT_FOUND', `This model models/${model} is no longer available.`);
  }
  return refuse(
    'NOT_FOUND',
    `models/${model} is not found for API version ${version}, or is not supported for ${method}. ` +
      'Call ListModels to see the list of available models and their supported methods.',
  );
}
