/** `schedules.json`: what the functions are configured with, as far as whoever fires has to know it. */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const schedulesSchema = z.record(
  z.string(),
  z.looseObject({ cron: z.string(), timeZone: z.string().default('Etc/UTC') }),
);
/** By id. Everything else in them is for the functions. */
export type FiredSchedules = z.infer<typeof schedulesSchema>;

/** @throws Error naming the file, where it is named and missing, or is no JSON of schedules */
export function readSchedules(file: string, mustExist: boolean): FiredSchedules {
  if (!mustExist && !existsSync(file)) return {};
  try {
    return schedulesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} is no file of schedules: ${error instanceof Error ? error.message : error}`);
  }
}
