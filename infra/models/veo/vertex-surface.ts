/** Veo on Vertex AI: `:predictLongRunning` and `:fetchPredictOperation` of a publisher model. */
import { randomUUID } from 'node:crypto';
import { findModel, type VeoModel } from '../catalogue.ts';
import { answerWithFault } from '../fault/fault-replies.ts';
import { combineFaults } from '../fault/fault-rules.ts';
import { type Credentials, requireAccessToken } from '../http/access.ts';
import { invalid, refuse } from '../http/google-error.ts';
import { jsonReply, type Reply } from '../http/reply.ts';
import { type Call, jsonBody, type Route } from '../http/router.ts';
import type { Operation } from '../operation/operations.ts';
import { sampleFile } from '../operation/video-files.ts';
import { type SubmissionContext, submit } from './submission.ts';

export interface VertexOptions extends Credentials {
  readonly context: SubmissionContext;
  /** Regions that serve Veo. */
  readonly locations: readonly string[];
}

const RESPONSE_TYPE = 'type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse';
const MODEL_PATH =
  '/(?:v1|v1beta1)/(?<parent>projects/(?<project>[^/]+)/locations/(?<location>[^/]+)' +
  '/publishers/google/models/(?<model>[^/:]+))';

export function vertexRoutes(options: VertexOptions): readonly Route[] {
  return [
    {
      method: 'POST',
      path: new RegExp(`^${MODEL_PATH}:predictLongRunning$`),
      handle: (call, groups) => {
        requireAccessToken(call, 'PredictLongRunning', options);
        const { parent = '', project = '', location = '' } = groups;
        const target = {
          surface: 'vertex',
          project,
          location,
          model: requireModel(options, groups),
          newName: () => `${parent}/operations/${randomUUID()}`,
        } as const;
        return submit(options.context, target, call);
      },
    },
    {
      method: 'POST',
      path: new RegExp(`^${MODEL_PATH}:fetchPredictOperation$`),
      handle: (call, groups) => {
        requireAccessToken(call, 'FetchPredictOperation', options);
        return poll(options.context, groups['parent'] ?? '', call);
      },
    },
  ];
}

function requireModel(options: VertexOptions, groups: Readonly<Record<string, string>>): VeoModel {
  const { parent = '', location = '', model = '' } = groups;
  if (!/^[a-z]+-[a-z]+\d+$/.test(location) && location !== 'global') {
    return invalid(`Invalid location: ${location}.`);
  }
  const found = findModel('vertex', model, false);
  if (found.kind === 'retired') {
    return refuse(
      'NOT_FOUND',
      `Publisher Model \`${parent}\` is no longer available. Please use a newer model.`,
    );
  }
  if (found.kind === 'unknown' || !options.locations.includes(location)) {
    return refuse(
      'NOT_FOUND',
      `Publisher Model \`${parent}\` was not found or your project does not have access to it. ` +
        'Please ensure you are using a valid model version. For more information, see: ' +
        'https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions',
    );
  }
  return found.model;
}

function poll(context: SubmissionContext, parent: string, call: Call): Promise<Reply> {
  const name = jsonBody(call)['operationName'];
  if (typeof name !== 'string' || !/^projects\/[^/]+\/locations\/[^/]+\/.*operations\/[^/]+$/.test(name)) {
    return invalid(`Invalid operation name: ${JSON.stringify(name)}`);
  }
  if (!name.startsWith(`${parent}/operations/`)) {
    return invalid(`The operation ${name} does not belong to ${parent}.`);
  }
  const operation = context.store.find(name);
  if (operation === undefined) return operationNotFound(name);
  const { model, prompt } = operation;
  const { transport } = combineFaults([
    ...context.directives.take(prompt, 'poll', name),
    ...context.faults.take({ call: 'poll', surface: 'vertex', model, prompt }),
  ]);
  return answerWithFault(transport, model, async () => jsonReply(await stateOf(context, operation)));
}

const operationNotFound = (name: string): never => refuse('NOT_FOUND', `Operation not found: ${name}`);

async function stateOf(context: SubmissionContext, operation: Operation): Promise<unknown> {
  const { name, outcome } = operation;
  if (outcome.kind === 'lost') return operationNotFound(name);
  if (!context.store.isDone(operation, context.now())) return { name };
  const error = outcome.kind === 'error' ? outcome : context.store.landingOf(operation)?.error;
  if (error) return { name, done: true, error: { code: error.code, message: error.message } };
  if (outcome.kind !== 'videos') return { name, done: true, response: { '@type': RESPONSE_TYPE } };
  const videos = await videosOf(context, operation);
  if (outcome.isLegacyShape) {
    const generatedSamples = videos.map(({ mimeType, gcsUri, ...rest }) => ({
      video: { ...(gcsUri === undefined ? rest : { uri: gcsUri }), encoding: mimeType },
    }));
    return { name, done: true, response: { '@type': RESPONSE_TYPE, generatedSamples } };
  }
  const response = {
    '@type': RESPONSE_TYPE,
    raiMediaFilteredCount: outcome.heldBack,
    ...(outcome.reason !== null && { raiMediaFilteredReasons: [outcome.reason] }),
    ...(videos.length > 0 && { videos }),
  };
  return { name, done: true, response };
}

interface WireVideo {
  readonly gcsUri?: string;
  readonly bytesBase64Encoded?: string;
  readonly mimeType: string;
}

async function videosOf(context: SubmissionContext, operation: Operation): Promise<readonly WireVideo[]> {
  const videos: WireVideo[] = [];
  for (const { sample, gcsUri } of context.store.landingOf(operation)?.videos ?? []) {
    if (gcsUri !== null) {
      videos.push({ gcsUri, mimeType: 'video/mp4' });
      continue;
    }
    const bytes = await context.files.read(sampleFile(operation.id, sample));
    if (bytes === undefined) return operationNotFound(operation.name);
    videos.push({ bytesBase64Encoded: bytes.toString('base64'), mimeType: 'video/mp4' });
  }
  return videos;
}
