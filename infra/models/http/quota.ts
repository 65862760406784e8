/** The request quota: requests per minute, per project and base model. */
import { refuse } from './google-error.ts';

const WINDOW_MS = 60_000;

export interface Quota {
  /** Counts one request. @throws GoogleError RESOURCE_EXHAUSTED when the quota is used up */
  readonly spend: (project: string, model: string) => void;
}

/** A sliding window of one minute on the given clock. Without a limit, every request is accepted. */
export function requestQuota(requestsPerMinute: number | undefined, now: () => number): Quota {
  const spentAtMs = new Map<string, number[]>();
  return {
    spend: (project, model) => {
      if (requestsPerMinute === undefined) return;
      const key = `${project}/${model}`;
      const recent = (spentAtMs.get(key) ?? []).filter((atMs) => atMs > now() - WINDOW_MS);
      spentAtMs.set(key, recent);
      if (recent.length >= requestsPerMinute) refuse('RESOURCE_EXHAUSTED', quotaMessage(model));
      recent.push(now());
    },
  };
}

export const quotaMessage = (model: string): string =>
  `Quota exceeded for aiplatform.googleapis.com/${metricOf(model)} ` +
  `with base model: ${model}. Please submit a quota increase request. ` +
  'https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai.';

function metricOf(model: string): string {
  if (model.startsWith('gemini-')) return 'generate_content_requests_per_minute_per_project_per_base_model';
  const metric = 'online_prediction_requests_per_base_model';
  return model.startsWith('imagen-') ? metric : `long_running_${metric}`;
}
