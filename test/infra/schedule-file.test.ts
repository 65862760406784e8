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
  JSON.stringify({ nightly: { cron: '0 2 * * *', manifest: 'gs://b/{dd}.csv', ...schedule } });

it('an invalid schedules file is rejected with the name of the schedule and the error', () => {
  expect(read(one({}))).toMatchObject({ nightly: { timeZone: 'Etc/UTC' } });
  for (const [schedule, wrong] of [
    [{ cron: 'every night' }, 'five'],
    [{ cron: '99 * * * *' }, 'minute'],
    [{ cron: '0 0 2 * * *' }, 'five'],
    [{ timeZone: 'Mars/Olympus' }, 'Mars/Olympus'],
  ] as const)
    expect(() => read(one(schedule))).toThrow(
      new RegExp(`schedules\\.json is not a valid.*nightly.*${wrong}`, 's'),
    );
  expect(() => read('[]')).toThrow('must be a JSON object, like {"nightly"');
  expect(() => read('not json')).toThrow('not valid JSON');
});

it('an unknown request field in a template is refused before any fire, with the field that was meant', () => {
  const file = (settings: Record<string, unknown>) =>
    JSON.stringify({ nightly: { cron: '0 2 * * *', manifest: 'gs://b/{dd}.csv', ...settings } });
  expect(read(file({ template: { prompt: 'a {cat}', aspectRatio: '9:16' } }))).toHaveProperty('nightly');
  expect(() => read(file({ template: { aspect_ratio: '9:16' } }))).toThrow(
    'nightly.template.aspect_ratio: is "9:16", which is not a field of a job request; did you mean aspectRatio.',
  );
  expect(() => read(file({ defaults: { colour: 1 } }))).toThrow(
    'nightly.defaults.colour: is 1, which is not a field of a job request; see the README for the fields.',
  );
});

it('a cron expression that is never due is refused with the file, the schedule and the value', () => {
  expect(() => read(one({ cron: '0 0 31 2 *' }))).toThrow(
    /schedules\.json is not a valid schedules file:\n {2}nightly\.cron: is "0 0 31 2 \*", which is never due: none of its months has such a day/,
  );
  expect(read(one({ cron: '0 0 29 2 *' }))).toHaveProperty('nightly');
  expect(read(one({ cron: '0 0 31 2 1' }))).toHaveProperty('nightly');
});
