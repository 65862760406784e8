/** Writes one JSON line per log entry, with Cloud Logging's special fields. */
import type { Log } from '../ports.ts';

/** @param project used in the full trace name */
export function createJsonLog(project: string, write: (line: string) => void, now: () => number): Log {
  return (severity, message, { trace, ...fields } = {}) => {
    const traced =
      typeof trace === 'string'
        ? { 'logging.googleapis.com/trace': `projects/${project}/traces/${trace}` }
        : {};
    write(
      `${JSON.stringify({ severity, time: new Date(now()).toISOString(), message, ...fields, ...traced })}\n`,
    );
  };
}
