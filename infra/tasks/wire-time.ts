/** Converts Timestamp and Duration messages from and to milliseconds. The fraction holds the microseconds. */
import type { TimestampMessage } from './messages.ts';

/** Milliseconds of a Timestamp or a Duration. */
export const millisecondsOf = ({ seconds = 0, nanos = 0 }: TimestampMessage): number =>
  seconds * 1000 + Math.trunc(nanos / 1000) / 1000;

/** A Timestamp or a Duration in whole microseconds, the service's precision. */
export function messageOf(milliseconds: number): { seconds: number; nanos: number } {
  const micros = Math.round(milliseconds * 1000);
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1000 };
}
