/** Queue settings: defaults, limits, and conversion from and to messages and specs. */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import type { QueueMessage, RateLimitsMessage, RetryConfigMessage } from './messages.ts';
import type { RetrySettings } from './retry-schedule.ts';
import { messageOf, millisecondsOf } from './wire-time.ts';

export interface QueueSettings extends RetrySettings {
  readonly maxDispatchesPerSecond: number;
  readonly maxBurstSize: number;
  readonly maxConcurrentDispatches: number;
  /** 0 to 1. Stored and returned, without effect: this server writes no log. */
  readonly loggingSamplingRatio: number;
}

/** A queue to create at the start. */
export interface QueueSpec extends Partial<QueueSettings> {
  /** `projects/P/locations/L/queues/Q` */
  readonly name: string;
  /** Size of the token bucket (`bucket_size` in queue.yaml). Default: derived from the rate. */
  readonly maxBurstSize?: number;
}

const DEFAULTS = {
  maxDispatchesPerSecond: 500,
  maxConcurrentDispatches: 1000,
  maxAttempts: 100,
  maxRetryDurationMs: 0,
  minBackoffMs: 100,
  maxBackoffMs: 3_600_000,
  maxDoublings: 16,
  loggingSamplingRatio: 0,
} as const;

const MAX_DISPATCHES_PER_SECOND = 500;
const MAX_CONCURRENT_DISPATCHES = 5000;

/**
 * The burst size that the service derives from a rate. Observed on real queues: 10 at 0.25, 1 and 5 per second, 100 at
 * 500 per second. Between them this uses rate / 5.
 */
export const burstSizeFor = (ratePerSecond: number): number =>
  Math.min(100, Math.max(10, Math.ceil(ratePerSecond / 5)));

/** Adds the defaults. @throws GrpcError INVALID_ARGUMENT when a value is out of range */
export function completeSettings(given: Partial<QueueSettings>): QueueSettings {
  const settings = { ...DEFAULTS, ...given };
  checkSettings(settings);
  return { ...settings, maxBurstSize: given.maxBurstSize ?? burstSizeFor(settings.maxDispatchesPerSecond) };
}

export function settingsOfSpec({ name: _, ...given }: QueueSpec): QueueSettings {
  return completeSettings(given);
}

/**
 * The settings in a message. Scalars have no presence on the wire, so 0 means "not set" and becomes the default, as in
 * the real service. Fractions of a second are kept although the reference says whole seconds: the service's own default
 * for min_backoff is 0.1 s.
 */
export function settingsOfMessage(queue: QueueMessage): Partial<QueueSettings> {
  if (queue.appEngineRoutingOverride !== undefined) {
    refuse(
      status.UNIMPLEMENTED,
      'The local server does not support App Engine targets. Remove appEngineRoutingOverride.',
    );
  }
  return withoutZeros({
    ...rateSettings(queue.rateLimits ?? {}),
    ...retrySettings(queue.retryConfig ?? {}),
    loggingSamplingRatio: queue.stackdriverLoggingConfig?.samplingRatio ?? 0,
  });
}

/** Keeps zeros. The burst size is output only: like the real service, this ignores a client's value. */
export const rateSettings = (limits: RateLimitsMessage) => ({
  maxDispatchesPerSecond: limits.maxDispatchesPerSecond ?? 0,
  maxConcurrentDispatches: limits.maxConcurrentDispatches ?? 0,
});

/** Keeps zeros. */
export const retrySettings = (config: RetryConfigMessage) => ({
  maxAttempts: config.maxAttempts ?? 0,
  maxRetryDurationMs: millisecondsOf(config.maxRetryDuration ?? {}),
  minBackoffMs: millisecondsOf(config.minBackoff ?? {}),
  maxBackoffMs: millisecondsOf(config.maxBackoff ?? {}),
  maxDoublings: config.maxDoublings ?? 0,
});

export function withoutZeros(settings: Partial<QueueSettings>): Partial<QueueSettings> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== 0));
}

export const rateLimitsMessage = (settings: QueueSettings): RateLimitsMessage => ({
  maxDispatchesPerSecond: settings.maxDispatchesPerSecond,
  maxBurstSize: settings.maxBurstSize,
  maxConcurrentDispatches: settings.maxConcurrentDispatches,
});

export const retryConfigMessage = (settings: QueueSettings): RetryConfigMessage => ({
  maxAttempts: settings.maxAttempts,
  ...(settings.maxRetryDurationMs > 0 ? { maxRetryDuration: messageOf(settings.maxRetryDurationMs) } : {}),
  minBackoff: messageOf(settings.minBackoffMs),
  maxBackoff: messageOf(settings.maxBackoffMs),
  maxDoublings: settings.maxDoublings,
});

function checkSettings(settings: Omit<QueueSettings, 'maxBurstSize'>): void {
  const check = (isValid: boolean, message: string): void => {
    if (!isValid) refuse(status.INVALID_ARGUMENT, message);
  };
  const { maxDispatchesPerSecond: rate, maxConcurrentDispatches: concurrent } = settings;
  check(rate >= 0, 'RateLimits.maxDispatchesPerSecond cannot be negative.');
  check(
    rate <= MAX_DISPATCHES_PER_SECOND,
    `RateLimits.maxDispatchesPerSecond must be less than or equal to ${MAX_DISPATCHES_PER_SECOND}.`,
  );
  check(concurrent >= 0, 'RateLimits.maxConcurrentDispatches cannot be negative.');
  check(
    concurrent <= MAX_CONCURRENT_DISPATCHES,
    `RateLimits.maxConcurrentDispatches must be less than or equal to ${MAX_CONCURRENT_DISPATCHES}.`,
  );
  check(settings.maxAttempts >= -1, 'RetryConfig.maxAttempts must be greater or equal to -1.');
  check(settings.maxRetryDurationMs >= 0, 'RetryConfig.maxRetryDuration cannot be negative.');
  check(settings.minBackoffMs >= 0, 'RetryConfig.minBackoff cannot be negative.');
  check(settings.maxBackoffMs >= 0, 'RetryConfig.maxBackoff cannot be negative.');
  check(settings.maxDoublings >= 0, 'RetryConfig.maxDoublings cannot be negative.');
  check(
    settings.minBackoffMs <= settings.maxBackoffMs,
    'RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff.',
  );
  const ratio = settings.loggingSamplingRatio;
  check(ratio >= 0 && ratio <= 1, 'StackdriverLoggingConfig.samplingRatio must be between 0.0 and 1.0.');
}
