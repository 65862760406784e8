/** `schedules.json`, the schedules of the functions. The local scheduler reads only `cron` and `timeZone`. */
import { existsSync, readFileSync } from 'node:fs';
import { Cron } from 'croner';
import { z } from 'zod';

const schedulesSchema = z.record(
  z.string(),
  z
    .looseObject({ cron: z.string(), timeZone: z.string().default('Etc/UTC') })
    .superRefine(({ cron, timeZone }, context) => {
      try {
        // Croner looks the time zone up only when the next run is computed.
        new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true }).nextRun();
      } catch (error) {
        context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      }
    }),
);
/** By schedule id. The functions read the other fields. */
export type CronSchedules = z.infer<typeof schedulesSchema>;

/** @throws Error that names the file when it must exist and does not, or when it does not hold valid schedules */
export function readSchedules(file: string, mustExist: boolean): CronSchedules {
  if (!mustExist && !existsSync(file)) return {};
  try {
    return schedulesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} is not a valid schedules file: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error);
  return error instanceof Error ? error.message : String(error);
}
