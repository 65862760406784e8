/** A queue's settings: their defaults, their limits, and their forms on the wire and in a start-up list. */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import type { QueueMessage, RateLimitsMessage, RetryConfigMessage } from './messages.ts';
import type { RetrySettings } from './retry-schedule.ts';
import { messageOf, millisecondsOf } from './wire-time.ts';

export interface QueueSettings extends RetrySettings {
  readonly maxDispatchesPerSecond: number;
  readonly maxBurstSize: number;
  readonly maxConcurrentDispatches: number;
  /** 0 to 1. Kept and given back; this server writes no log. */
  readonly loggingSamplingRatio: number;
}

/** A queue that exists from the start, as infrastructure code would declare it. */
export interface QueueSpec extends Partial<QueueSettings> {
  /** `projects/P/locations/L/queues/Q` */
  readonly name: string;
  /** Tasks that may go at once after a quiet time; what queue.yaml calls bucket_size. Default: from the rate. */
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
 * The burst that the service picks for a rate. Seen on real queues: 10 at rates of 0.25, 1 and 5 per second, 100 at
 * 500; a line through the last one joins them here.
 */
export const burstSizeFor = (ratePerSecond: number): number =>
  Math.min(100, Math.max(10, Math.ceil(ratePerSecond / 5)));

/** Fills in the defaults. @throws GrpcError INVALID_ARGUMENT when a value is out of range */
export function completeSettings(given: Partial<QueueSettings>): QueueSettings {
  const settings = { ...DEFAULTS, ...given };
  checkSettings(settings);
  return { ...settings, maxBurstSize: given.maxBurstSize ?? burstSizeFor(settings.maxDispatchesPerSecond) };
}

export function settingsOfSpec({ name: _, ...given }: QueueSpec): QueueSettings {
  return completeSettings(given);
}

/**
 * What a message sets. Scalars have no presence on the wire, so 0 is "not given" and becomes the default, as it does
 * in the real service. Fractions of a second are kept although the reference speaks of whole ones: the service's own
 * default for min_backoff is 0.1 s.
 */
export function settingsOfMessage(queue: QueueMessage): Partial<QueueSettings> {
  if (queue.appEngineRoutingOverride !== undefined) {
    refuse(
      status.UNIMPLEMENTED,
      'App Engine targets are not supported here: leave out appEngineRoutingOverride.',
    );
  }
  return withoutZeros({
    ...rateSettings(queue.rateLimits ?? {}),
    ...retrySettings(queue.retryConfig ?? {}),
    loggingSamplingRatio: queue.stackdriverLoggingConfig?.samplingRatio ?? 0,
  });
}

/** Zeros stay. The burst size is output only: what a client says of it is ignored, as by the real service. */
export const rateSettings = (limits: RateLimitsMessage) => ({
  maxDispatchesPerSecond: limits.maxDispatchesPerSecond ?? 0,
  maxConcurrentDispatches: limits.maxConcurrentDispatches ?? 0,
});

/** Zeros stay. */
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
  const demand = (holds: boolean, otherwise: string): void => {
    if (!holds) refuse(status.INVALID_ARGUMENT, otherwise);
  };
  const { maxDispatchesPerSecond: rate, maxConcurrentDispatches: concurrent } = settings;
  demand(rate >= 0, 'RateLimits.maxDispatchesPerSecond cannot be negative.');
  demand(
    rate <= MAX_DISPATCHES_PER_SECOND,
    `RateLimits.maxDispatchesPerSecond must be less than or equal to ${MAX_DISPATCHES_PER_SECOND}.`,
  );
  demand(concurrent >= 0, 'RateLimits.maxConcurrentDispatches cannot be negative.');
  demand(
    concurrent <= MAX_CONCURRENT_DISPATCHES,
    `RateLimits.maxConcurrentDispatches must be less than or equal to ${MAX_CONCURRENT_DISPATCHES}.`,
  );
  demand(settings.maxAttempts >= -1, 'RetryConfig.maxAttempts must be greater or equal to -1.');
  demand(settings.maxRetryDurationMs >= 0, 'RetryConfig.maxRetryDuration cannot be negative.');
  demand(settings.minBackoffMs >= 0, 'RetryConfig.minBackoff cannot be negative.');
  demand(settings.maxBackoffMs >= 0, 'RetryConfig.maxBackoff cannot be negative.');
  demand(settings.maxDoublings >= 0, 'RetryConfig.maxDoublings cannot be negative.');
  demand(
    settings.minBackoffMs <= settings.maxBackoffMs,
    'RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff.',
  );
  const ratio = settings.loggingSamplingRatio;
  demand(ratio >= 0 && ratio <= 1, 'StackdriverLoggingConfig.samplingRatio must be between 0.0 and 1.0.');
}
