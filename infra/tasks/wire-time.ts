/** Timestamps and durations of the wire as milliseconds, with their microseconds as the fraction. */
import type { TimestampMessage } from './messages.ts';

/** Of a Timestamp or a Duration. */
export const millisecondsOf = ({ seconds = 0, nanos = 0 }: TimestampMessage): number =>
  seconds * 1000 + Math.trunc(nanos / 1000) / 1000;

/** To a Timestamp or a Duration, in whole microseconds, which is as fine as the service keeps them. */
export function messageOf(milliseconds: number): { seconds: number; nanos: number } {
  const micros = Math.round(milliseconds * 1000);
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1000 };
}
