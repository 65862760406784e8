/** What the Interactions API stores with an operation. */

export const OMNI_TASKS = [
  'text_to_video',
  'image_to_video',
  'reference_to_video',
  'edit',
  'extend',
  'upscale',
] as const;
export type OmniTask = (typeof OMNI_TASKS)[number];

/** How the safety filter reports: status `failed` with an error, or `completed` with text in place of the video. */
export type SafetyAnswer = 'failed' | 'refusal';

export interface Webhook {
  readonly uris: readonly string[];
  readonly userMetadata: Readonly<Record<string, unknown>> | null;
}

/** Stored in the journal, as part of the operation. */
export interface Interaction {
  readonly id: string;
  readonly task: OmniTask;
  readonly delivery: 'inline' | 'uri';
  /** When false, a GET returns 404, as after a deletion. */
  readonly isStored: boolean;
  readonly previousId: string | null;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly webhook: Webhook | null;
  readonly safetyAnswer: SafetyAnswer;
}
