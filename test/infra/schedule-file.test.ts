import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { readSchedules } from '../../infra/scheduler/schedule-file.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const file = path.join(temporaryDir(), 'schedules.json');
const read = (text: string) => {
  writeFileSync(file, text);
  return readSchedules(file, true);
};
const one = (schedule: Record<string, string>) =>
  JSON.stringify({ nightly: { cron: '0 2 * * *', ...schedule } });

it('a file of schedules that nobody could fire is refused by the schedule and what is wrong with it', () => {
  expect(read(one({ manifest: 'gs://b/{dd}.csv' }))).toMatchObject({ nightly: { timeZone: 'Etc/UTC' } });
  for (const [schedule, wrong] of [
    [{ cron: 'every night' }, 'five'],
    [{ cron: '99 * * * *' }, 'minute'],
    [{ cron: '0 0 2 * * *' }, '5'],
    [{ timeZone: 'Mars/Olympus' }, 'Mars/Olympus'],
  ] as const)
    expect(() => read(one(schedule))).toThrow(
      new RegExp(`schedules\\.json is no file of.*${wrong}.*at nightly`, 's'),
    );
  expect(() => read('[]')).toThrow('expected record');
  expect(() => read('not json')).toThrow('not valid JSON');
});
