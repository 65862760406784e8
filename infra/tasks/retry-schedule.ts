/** Decides when a failed task is retried and when it is deleted. Pure. */

export interface RetrySettings {
  /** Including the first; -1 for no limit. */
  readonly maxAttempts: number;
  /** Measured from the first attempt; 0 for no limit. */
  readonly maxRetryDurationMs: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly maxDoublings: number;
}

/** 2^60 ms exceed any back-off. More doublings would only overflow to Infinity. */
const MAX_EFFECTIVE_DOUBLINGS = 60;

/**
 * The wait after failure number `failures` (1 is the first). It starts at `minBackoffMs`, doubles `maxDoublings` times,
 * then grows linearly by its last doubled value, up to `maxBackoffMs`. With 10 s, 300 s and 3 doublings: 10, 20, 40, 80,
 * 160, 240, 300, 300, … s.
 */
export function backoffMs(settings: RetrySettings, failures: number): number {
  const { minBackoffMs, maxBackoffMs } = settings;
  const doublings = Math.min(settings.maxDoublings, MAX_EFFECTIVE_DOUBLINGS);
  const doubled = minBackoffMs * 2 ** Math.min(failures - 1, doublings);
  const steps = Math.max(1, failures - doublings);
  return Math.min(doubled * steps, maxBackoffMs);
}

/**
 * Whether a failed task is deleted instead of retried: when every limit that is set has been reached. If `maxAttempts`
 * and `maxRetryDurationMs` are both set, both must be reached.
 */
export function isExhausted(settings: RetrySettings, attempts: number, sinceFirstAttemptMs: number): boolean {
  const { maxAttempts, maxRetryDurationMs } = settings;
  const limits: boolean[] = [];
  if (maxAttempts !== -1) limits.push(attempts >= maxAttempts);
  if (maxRetryDurationMs > 0) limits.push(sinceFirstAttemptMs >= maxRetryDurationMs);
  return limits.length > 0 && limits.every(Boolean);
}

/** A longer Retry-After is treated as a mistake, which must not postpone a task for ever. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

/**
 * The wait in milliseconds of a `Retry-After` header, which holds seconds or an HTTP date. Undefined when the header is
 * missing or cannot be parsed.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const value = header.trim();
  const requestedMs = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(requestedMs) ? undefined : Math.min(Math.max(0, requestedMs), MAX_RETRY_AFTER_MS);
}
