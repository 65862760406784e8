/** Log entries as Cloud Logging has them, from lines that the functions write with their own logger. */
import { z } from 'zod';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import type { Services } from '../../functions/ports.ts';
import { makeWorld, type World } from '../support/memory.ts';
import type { LogEntry } from './logging-filter.ts';
import { PROJECT } from './terraform.ts';

const lineSchema = z.looseObject({ severity: z.string(), time: z.iso.datetime() });

/**
 * The entry of one line of standard output. Cloud Run takes `severity`, `time` and the special fields of Cloud Logging
 * out of the line; the rest is `jsonPayload`.
 */
export function entryOf(line: string, service: string): LogEntry {
  const {
    severity,
    time,
    'logging.googleapis.com/trace': _,
    ...jsonPayload
  } = lineSchema.parse(JSON.parse(line));
  return {
    logName: `projects/${PROJECT}/logs/run.googleapis.com%2Fstdout`,
    resource: {
      type: 'cloud_run_revision',
      labels: {
        project_id: PROJECT,
        service_name: service,
        revision_name: `${service}-00001-abc`,
        configuration_name: service,
        location: 'us-central1',
      },
    },
    severity,
    timestampMs: Date.parse(time),
    jsonPayload,
  };
}

/** A world whose services log through the functions' own logger, and the entries of what they have logged. */
export function loggingWorld(
  service: string,
  overrides: Partial<Services> = {},
): { readonly world: World; readonly entries: () => readonly LogEntry[] } {
  const lines: string[] = [];
  const clock = { now: () => 0 };
  const log = createJsonLog(
    PROJECT,
    (line) => lines.push(line),
    () => clock.now(),
  );
  const world = makeWorld({ log, ...overrides });
  clock.now = () => world.clock.now();
  return { world, entries: () => lines.map((line) => entryOf(line, service)) };
}
