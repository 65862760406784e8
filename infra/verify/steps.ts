/** All steps in their order. docs/unverified.md has a row for each; a test compares the two. */
import type { Step } from './step.ts';
import { access } from './steps/access.ts';
import { image25, imageFlash, imagen, imagePro } from './steps/images.ts';
import { indexes } from './steps/indexes.ts';
import { keysImage } from './steps/keys-image.ts';
import { contentCredentials, signedLink, signedUpload } from './steps/links.ts';
import { inputReader, landedEvent, omniWebhook, storageWriter, sweep } from './steps/logs.ts';
import { imageLocations, models } from './steps/models.ts';
import { alertQueries, firstPoint, logFilters } from './steps/monitoring.ts';
import { queues } from './steps/queues.ts';
import { instanceQuota, modelQuota } from './steps/quotas.ts';
import { serviceAgents } from './steps/service-agents.ts';
import { prices } from './steps/skus.ts';
import { uploadEvent } from './steps/upload-event.ts';
import { urls } from './steps/urls.ts';
import {
  firstVideo,
  lastFrameLite,
  omniFrames,
  omniFrames11,
  omniReferences,
  omniReferences11,
  personGeneration,
} from './steps/videos.ts';

export const STEPS: readonly Step[] = [
  access,
  urls,
  serviceAgents,
  indexes,
  queues,
  sweep,
  instanceQuota,
  modelQuota,
  models,
  imageLocations,
  prices,
  alertQueries,
  logFilters,
  keysImage,
  signedUpload,
  uploadEvent,
  // By what they show for their price: the first seven are within $1. Imagen comes after them, because its refusal is free.
  firstVideo,
  imageFlash,
  image25,
  lastFrameLite,
  omniReferences,
  omniReferences11,
  omniFrames,
  imagen,
  personGeneration,
  imagePro,
  omniFrames11,
  // What the paid steps made. Last, because logs and metrics arrive late.
  signedLink,
  contentCredentials,
  landedEvent,
  storageWriter,
  inputReader,
  omniWebhook,
  firstPoint,
];
