/** What an interaction is beyond an operation: the Interactions API keeps these facts for as long as it keeps the video. */

/** What an Omni model is asked to do. */
export const OMNI_TASKS = [
  'text_to_video',
  'image_to_video',
  'reference_to_video',
  'edit',
  'extend',
  'upscale',
] as const;
export type OmniTask = (typeof OMNI_TASKS)[number];

/** How the safety filter tells: `failed` with an error, or `completed` with words where the video would be. */
export type SafetyAnswer = 'failed' | 'refusal';

export interface Webhook {
  readonly uris: readonly string[];
  readonly userMetadata: Readonly<Record<string, unknown>> | null;
}

/** Part of an operation's record in the journal. */
export interface Interaction {
  readonly id: string;
  readonly task: OmniTask;
  readonly delivery: 'inline' | 'uri';
  /** Without it nobody can ask for it again, as after a deletion. */
  readonly isStored: boolean;
  readonly previousId: string | null;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly webhook: Webhook | null;
  readonly safetyAnswer: SafetyAnswer;
}
