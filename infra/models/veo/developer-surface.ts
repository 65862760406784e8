/** Veo on the Gemini Developer API: submit, operation GET, and the files with the videos. */
import { randomBytes } from 'node:crypto';
import { findModel, type VeoModel } from '../catalogue.ts';
import { answerWithFault } from '../fault/fault-replies.ts';
import { type CallKind, combineFaults, type TransportFault } from '../fault/fault-rules.ts';
import { type Credentials, requireApiKey } from '../http/access.ts';
import { byteRangeReply } from '../http/byte-range.ts';
import { fileRefusal, refuse } from '../http/google-error.ts';
import { jsonReply, type Reply, type SentReply } from '../http/reply.ts';
import type { Call, Route } from '../http/router.ts';
import type { GeneratedFile } from '../operation/generated-files.ts';
import { callSurface, type Operation } from '../operation/operations.ts';
import { type SubmissionContext, submit } from './submission.ts';

export interface DeveloperOptions extends Credentials {
  readonly context: SubmissionContext;
  readonly isVeoAlive: boolean;
  /** The address under which clients reach this server, without a trailing slash. */
  readonly url: () => string;
}

const RESPONSE_TYPE = 'type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse';
const VERSION = '/(?:v1beta|v1)';

export function developerRoutes(options: DeveloperOptions): readonly Route[] {
  return [
    {
      method: 'POST',
      path: new RegExp(`^${VERSION}/models/(?<model>[^/:]+):predictLongRunning$`),
      handle: (call, groups) => {
        const project = requireApiKey(call, options);
        const model = requireModel(options, call, groups['model'] ?? '');
        const target = {
          surface: 'developer',
          project,
          location: null,
          model,
          newName: () => `models/${model.id}/operations/${newOperationId()}`,
        } as const;
        return submit(options.context, target, call);
      },
    },
    {
      method: 'GET',
      path: new RegExp(`^${VERSION}/(?<name>models/[^/:]+/operations/[^/:]+)$`),
      handle: (call, groups) => poll(options, requireApiKey(call, options), groups['name'] ?? ''),
    },
    {
      method: 'GET',
      path: new RegExp(`^${VERSION}/files/(?<id>[a-z0-9-]+)$`),
      handle: (call, groups) => metadata(options, requireApiKey(call, options), groups['id'] ?? ''),
    },
    {
      method: 'GET',
      path: new RegExp(`^${VERSION}/files/(?<id>[a-z0-9-]+):download$`),
      handle: (call, groups) => download(options, requireApiKey(call, options), groups['id'] ?? '', call),
    },
  ];
}

const newOperationId = (): string =>
  randomBytes(8).readBigUInt64BE().toString(36).padStart(13, '0').slice(-12);

function requireModel(options: DeveloperOptions, call: Call, id: string): VeoModel {
  const found = findModel('developer', id, options.isVeoAlive);
  if (found.kind === 'live') return found.model;
  if (found.kind === 'retired') return refuse('NOT_FOUND', `This model models/${id} is no longer available.`);
  const version = call.path.split('/')[1] ?? '';
  return refuse(
    'NOT_FOUND',
    `models/${id} is not found for API version ${version}, or is not supported for predictLongRunning. ` +
      'Call ListModels to see the list of available models and their supported methods.',
  );
}

function takeFaults(
  context: SubmissionContext,
  call: CallKind,
  operation: Operation,
  subject: string,
): TransportFault | undefined {
  const { model, prompt } = operation;
  return combineFaults([
    ...context.directives.take(prompt, call, subject),
    ...context.faults.take({ call, surface: callSurface(operation), model, prompt }),
  ]).transport;
}

function poll(options: DeveloperOptions, project: string, name: string): Promise<Reply> {
  const { context } = options;
  const operation = context.store.find(name);
  if (operation === undefined || operation.project !== project) return operationNotFound(name);
  const fault = takeFaults(context, 'poll', operation, name);
  return answerWithFault(fault, operation.model, () => jsonReply(stateOf(options, operation)));
}

const operationNotFound = (name: string): never => refuse('NOT_FOUND', `Operation not found: ${name}`);

function stateOf({ context, url }: DeveloperOptions, operation: Operation): unknown {
  const { name, outcome } = operation;
  if (outcome.kind === 'lost') return operationNotFound(name);
  if (!context.store.isDone(operation, context.now())) return { name };
  if (outcome.kind === 'error') {
    return { name, done: true, error: { code: outcome.code, message: outcome.message } };
  }
  if (outcome.kind !== 'videos') {
    return { name, done: true, response: { '@type': RESPONSE_TYPE, generateVideoResponse: {} } };
  }
  const generatedSamples = (context.store.landingOf(operation)?.videos ?? []).map(({ fileId }) => ({
    video: { uri: `${url()}/v1beta/files/${fileId}:download?alt=media` },
  }));
  const generateVideoResponse = {
    ...(generatedSamples.length > 0 && { generatedSamples }),
    ...(outcome.reason !== null && {
      raiMediaFilteredCount: outcome.heldBack,
      raiMediaFilteredReasons: [outcome.reason],
    }),
  };
  return { name, done: true, response: { '@type': RESPONSE_TYPE, generateVideoResponse } };
}

function requireFile(context: SubmissionContext, project: string, fileId: string): GeneratedFile {
  return context.generated.find(fileId, project) ?? refuse('PERMISSION_DENIED', fileRefusal(fileId));
}

function metadata({ context, url }: DeveloperOptions, project: string, fileId: string): SentReply {
  const { video, createdAtMs, expiresAtMs } = requireFile(context, project, fileId);
  const createTime = new Date(createdAtMs).toISOString();
  const uri = `${url()}/v1beta/files/${fileId}`;
  return jsonReply({
    name: `files/${fileId}`,
    mimeType: 'video/mp4',
    sizeBytes: String(video.sizeBytes),
    createTime,
    updateTime: createTime,
    expirationTime: new Date(expiresAtMs).toISOString(),
    // The API gives the base64 of the hexadecimal text.
    sha256Hash: Buffer.from(video.sha256).toString('base64'),
    uri,
    downloadUri: `${uri}:download?alt=media`,
    state: 'ACTIVE',
    source: 'GENERATED',
  });
}

function download(options: DeveloperOptions, project: string, fileId: string, call: Call): Promise<Reply> {
  const { context } = options;
  const { operation } = requireFile(context, project, fileId);
  const fault = takeFaults(context, 'download', operation, fileId);
  return answerWithFault(fault, operation.model, async () => {
    // Without `alt=media`, Google's media methods return the (empty) message instead of the media.
    if (call.query.get('alt') !== 'media') return jsonReply({});
    const bytes = await context.generated.read(fileId, project);
    if (bytes === undefined) return refuse('PERMISSION_DENIED', fileRefusal(fileId));
    return byteRangeReply(bytes, 'video/mp4', call.headers['range']);
  });
}
