/** When a failed task is tried again, and when it is given up. Pure. */

export interface RetrySettings {
  /** Including the first; -1 for no limit. */
  readonly maxAttempts: number;
  /** Measured from the first attempt; 0 for no limit. */
  readonly maxRetryDurationMs: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly maxDoublings: number;
}

/** Beyond this, 2^doublings milliseconds exceed any back-off, and further doublings would only reach Infinity. */
const MAX_EFFECTIVE_DOUBLINGS = 60;

/**
 * How long to wait after the `failures`-th failure (1 is the first). The wait starts at `minBackoffMs`, doubles
 * `maxDoublings` times, then grows linearly by its last doubled value, and stays at `maxBackoffMs`. With 10 s, 300 s and
 * 3 doublings: 10, 20, 40, 80, 160, 240, 300, 300, … s.
 */
export function backoffMs(settings: RetrySettings, failures: number): number {
  const { minBackoffMs, maxBackoffMs } = settings;
  const doublings = Math.min(settings.maxDoublings, MAX_EFFECTIVE_DOUBLINGS);
  const doubled = minBackoffMs * 2 ** Math.min(failures - 1, doublings);
  const steps = Math.max(1, failures - doublings);
  return Math.min(doubled * steps, maxBackoffMs);
}

/**
 * Whether a task that has failed is deleted instead of tried again: once every limit that is set has been reached.
 * With `maxAttempts` and `maxRetryDurationMs` both set, both must be.
 */
export function isExhausted(settings: RetrySettings, attempts: number, sinceFirstAttemptMs: number): boolean {
  const { maxAttempts, maxRetryDurationMs } = settings;
  const limits: boolean[] = [];
  if (maxAttempts !== -1) limits.push(attempts >= maxAttempts);
  if (maxRetryDurationMs > 0) limits.push(sinceFirstAttemptMs >= maxRetryDurationMs);
  return limits.length > 0 && limits.every(Boolean);
}

/** A header that asks for more is taken for a mistake, which must not park a task for ever. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

/**
 * Milliseconds that a `Retry-After` header asks for: seconds or an HTTP date. Undefined when it asks for nothing
 * intelligible.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const value = header.trim();
  const asked = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(asked) ? undefined : Math.min(Math.max(0, asked), MAX_RETRY_AFTER_MS);
}
