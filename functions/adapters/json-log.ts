/** One JSON line per entry on standard output, with the fields that Cloud Logging knows by name. */
import type { Log } from '../ports.ts';

/** @param project for the full name of a trace */
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
