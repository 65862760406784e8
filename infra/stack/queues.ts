/** The task queues, one per model and lane, with the rates of the models' quotas and the retry settings of the deployment. */

export interface StackQueue {
  readonly id: string;
  readonly maxDispatchesPerSecond: number;
  readonly maxConcurrentDispatches: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly maxAttempts: number;
}

/** Requests per minute of each model that has a submit queue. */
const MODEL_QUOTAS: Readonly<Record<string, number>> = {
  'submit-vertex-veo-3-1-generate-001': 50,
  'submit-vertex-veo-3-1-fast-generate-001': 50,
  'submit-vertex-veo-3-1-lite-generate-001': 10,
  'submit-gemini-veo-3-1-generate-preview': 10,
  'submit-gemini-veo-3-1-fast-generate-preview': 10,
  'submit-gemini-veo-3-1-lite-generate-preview': 10,
  'submit-omni-gemini-omni-1-2-flash': 10,
  'submit-omni-gemini-omni-1-1-flash': 10,
  'submit-vertex-gemini-3-1-flash-image': 60,
  'submit-vertex-gemini-3-pro-image': 60,
  'submit-vertex-gemini-3-1-flash-lite-image': 60,
  'submit-vertex-gemini-nano-banana-2-1': 60,
  'submit-gemini-gemini-3-1-flash-image': 60,
  'submit-gemini-gemini-3-pro-image': 60,
  'submit-gemini-gemini-3-1-flash-lite-image': 60,
  'submit-vertex-imagen-4-0-generate-001': 60,
  'submit-vertex-imagen-4-0-fast-generate-001': 60,
  'submit-vertex-imagen-4-0-ultra-generate-001': 60,
  'submit-gemini-imagen-4-0-generate-001': 60,
  'submit-gemini-imagen-4-0-fast-generate-001': 60,
  'submit-gemini-imagen-4-0-ultra-generate-001': 60,
};

/**
 * @param speedUp quotas are per minute of the simulated models' time
 * @param submitPerSecond overrides the quotas
 */
export function stackQueues(speedUp: number, submitPerSecond?: number): readonly StackQueue[] {
  const retry = { minBackoffMs: 1000 / speedUp, maxBackoffMs: 60_000 / speedUp, maxAttempts: 20 };
  // Either lane may use the whole quota when the other is empty; the model's turnstile keeps both within it.
  const submit = Object.entries(MODEL_QUOTAS).flatMap(([id, perMinute]) =>
    [id, `${id}-batch`].map((lane) => ({
      id: lane,
      maxDispatchesPerSecond: submitPerSecond ?? (perMinute / 60) * speedUp,
      maxConcurrentDispatches: 20,
      ...retry,
    })),
  );
  return [
    ...submit,
    { id: 'poll', maxDispatchesPerSecond: 500, maxConcurrentDispatches: 50, ...retry },
    // A chunk of a manifest is seconds of work; more at once would only take turns at the store.
    { id: 'batch', maxDispatchesPerSecond: 50, maxConcurrentDispatches: 10, ...retry },
  ];
}
