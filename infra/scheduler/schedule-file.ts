/**
 * `schedules.json`, the schedules of the functions. It is no part of an emulator: it is read by the functions' own rules, so
 * that a wrong file is reported before any function starts with it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { Cron } from 'croner';
import { SCHEDULES_WORDS, type Schedules, schedulesSchema } from '../../functions/core/batch/schedules.ts';
import type { FieldError } from '../../functions/core/problem.ts';
import { checkInput, faultsAsText } from '../../functions/core/request/checked-input.ts';
import { shown } from '../../functions/core/shown.ts';

export type { Schedules };

/** @throws Error that names the file when it must exist and does not, or when it does not hold valid schedules */
export function readSchedules(file: string, mustExist: boolean): Schedules {
  if (!mustExist && !existsSync(file)) return {};
  const checked = checkInput(schedulesSchema, jsonOf(file), SCHEDULES_WORDS);
  const errors = 'value' in checked ? cronErrors(checked.value) : checked.errors;
  if ('value' in checked && errors.length === 0) return checked.value;
  const faults = faultsAsText(errors).replace(/^/gm, '  ');
  throw new Error(
    `${file} is not a valid schedules file:\n${faults}\nAn example: ${SCHEDULES_WORDS.example}`,
  );
}

function jsonOf(file: string): unknown {
  try {
    // A byte order mark, as Windows writes it, is not JSON.
    return JSON.parse(readFileSync(file, 'utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const problem = error instanceof SyntaxError ? `is not valid JSON: ${why}` : `cannot be read: ${why}`;
    throw new Error(`The schedules file ${file} ${problem}\nAn example: ${SCHEDULES_WORDS.example}`);
  }
}

function cronErrors(schedules: Schedules): FieldError[] {
  return Object.entries(schedules).flatMap(([id, { cron, timeZone }]) => {
    try {
      // Croner looks the time zone up only when the next run is computed.
      new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true }).nextRun();
      return [];
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const detail = `is ${shown(cron)}, which is not a cron expression of five fields, such as 0 1 * * *: ${why}`;
      return [{ field: `${id}.cron`, detail }];
    }
  });
}
