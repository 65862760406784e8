/** UpdateQueue: computes the new settings of a queue from a message and a field mask. */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';
import type { QueueMessage } from './messages.ts';
import {
  burstSizeFor,
  completeSettings,
  type QueueSettings,
  rateSettings,
  retrySettings,
  settingsOfMessage,
  withoutZeros,
} from './queue-settings.ts';

type SettingName = keyof QueueSettings;

/** The settings that each mask path covers. Paths are in snake_case, as in the protocol. */
const SETTINGS_BY_PATH: ReadonlyMap<string, readonly SettingName[]> = new Map<string, readonly SettingName[]>(
  [
    ['rate_limits.max_dispatches_per_second', ['maxDispatchesPerSecond']],
    ['rate_limits.max_concurrent_dispatches', ['maxConcurrentDispatches']],
    ['rate_limits', ['maxDispatchesPerSecond', 'maxConcurrentDispatches']],
    ['retry_config.max_attempts', ['maxAttempts']],
    ['retry_config.max_retry_duration', ['maxRetryDurationMs']],
    ['retry_config.min_backoff', ['minBackoffMs']],
    ['retry_config.max_backoff', ['maxBackoffMs']],
    ['retry_config.max_doublings', ['maxDoublings']],
    ['retry_config', ['maxAttempts', 'maxRetryDurationMs', 'minBackoffMs', 'maxBackoffMs', 'maxDoublings']],
    ['stackdriver_logging_config.sampling_ratio', ['loggingSamplingRatio']],
    ['stackdriver_logging_config', ['loggingSamplingRatio']],
  ],
);

/** Valid paths without effect: output-only fields and App Engine targets. */
const IGNORED_PATHS = new Set([
  'name',
  'state',
  'purge_time',
  'rate_limits.max_burst_size',
  'app_engine_routing_override',
]);

/**
 * @param paths the paths of the mask; none means every field
 * @throws GrpcError INVALID_ARGUMENT for an unknown path or a value out of range
 */
export function updatedSettings(
  current: QueueSettings,
  message: QueueMessage,
  paths: readonly string[],
): QueueSettings {
  if (paths.length === 0) return completeSettings(settingsOfMessage(message));
  const named = new Set<string>(paths.flatMap(settingsNamedBy));
  const given: Partial<QueueSettings> = {
    ...rateSettings(message.rateLimits ?? {}),
    ...retrySettings(message.retryConfig ?? {}),
    loggingSamplingRatio: message.stackdriverLoggingConfig?.samplingRatio ?? 0,
  };
  const chosen = Object.fromEntries(Object.entries(given).filter(([name]) => named.has(name)));
  const kept = Object.fromEntries(Object.entries(current).filter(([name]) => !named.has(name)));
  // With a mask that names max_doublings itself, 0 is a value. Any other 0 restores the default.
  const noDoublings = paths.includes('retry_config.max_doublings') && given.maxDoublings === 0;
  const settings = completeSettings({
    ...kept,
    ...withoutZeros(chosen),
    ...(noDoublings ? { maxDoublings: 0 } : {}),
  });
  // When the rate changes, the service derives the burst size again.
  return named.has('maxDispatchesPerSecond')
    ? { ...settings, maxBurstSize: burstSizeFor(settings.maxDispatchesPerSecond) }
    : settings;
}

function settingsNamedBy(path: string): readonly SettingName[] {
  if (IGNORED_PATHS.has(path)) return [];
  const unknown = (): never => refuse(status.INVALID_ARGUMENT, `Invalid field path in update_mask: ${path}`);
  return SETTINGS_BY_PATH.get(path) ?? unknown();
}
