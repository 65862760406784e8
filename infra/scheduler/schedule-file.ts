/** `schedules.json`: what the functions are configured with, as far as whoever fires has to know it. */
import { existsSync, readFileSync } from 'node:fs';
import { Cron } from 'croner';
import { z } from 'zod';

const schedulesSchema = z.record(
  z.string(),
  z
    .looseObject({ cron: z.string(), timeZone: z.string().default('Etc/UTC') })
    .superRefine(({ cron, timeZone }, context) => {
      try {
        // Only when it is asked for the next time does it look up the time zone.
        new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true }).nextRun();
      } catch (error) {
        context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      }
    }),
);
/** By id. Everything else in them is for the functions. */
export type FiredSchedules = z.infer<typeof schedulesSchema>;

/** @throws Error naming the file, where it is named and missing, or is no JSON of schedules */
export function readSchedules(file: string, mustExist: boolean): FiredSchedules {
  if (!mustExist && !existsSync(file)) return {};
  try {
    return schedulesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} is no file of schedules: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error);
  return error instanceof Error ? error.message : String(error);
}
