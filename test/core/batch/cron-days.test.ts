/** The local scheduler's library is the reference for cron expressions. */
import { Cron } from 'croner';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEverDue } from '../../../functions/core/batch/cron-days.ts';

const isDueByCroner = (cron: string): boolean =>
  new Cron(cron, { timezone: 'Etc/UTC', mode: '5-part', paused: true }).nextRun(new Date(0)) !== null;

describe('whether a cron expression is ever due', () => {
  it.each(
    [
      ...[
        '0 0 31 2 *',
        '0 0 30 2 *',
        '0 0 30,31 feb *',
        '0 0 31 4,6,9,11 *',
        '0 0 30-31 2 ?',
        '*/5 * 31 02 *',
      ],
      ...['0 0 31 JUN *', '0 0 31 */12,2 *'],
    ].map((cron) => [cron, isDueByCroner(cron)]),
  )('of %s is as the scheduler finds it: %s', (cron, isDue) => {
    expect(isEverDue(cron)).toBe(isDue);
  });

  it('is decided as the local scheduler decides it', () => {
    const number = (min: number, max: number) => fc.integer({ min, max });
    const field = (min: number, max: number) =>
      fc.oneof(
        fc.constant('*'),
        number(min, max).map(String),
        fc.tuple(number(min, max), number(min, max)).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
        number(1, max).map((step) => `*/${step}`),
        fc.array(number(min, max), { minLength: 1, maxLength: 3 }).map((all) => all.join(',')),
      );
    const late = fc.oneof(field(1, 31), fc.constantFrom('30', '31', '30,31', '29-31'));
    const months = fc.oneof(field(1, 12), fc.constantFrom('2', 'feb', '4,6', 'Apr-Apr'));
    fc.assert(
      fc.property(late, months, fc.constantFrom('*', '1', '1-5'), (days, month, weekdays) => {
        const cron = `0 1 ${days} ${month} ${weekdays}`;
        let isDue: boolean;
        try {
          isDue = isDueByCroner(cron);
        } catch {
          isDue = true;
        }
        expect([cron, isEverDue(cron)]).toEqual([cron, isDue]);
      }),
      { numRuns: 200 },
    );
  });

  it('of an expression that cannot be read is left to the scheduler', () => {
    for (const cron of [
      '0 0 L 2 *',
      '0 0 99 2 *',
      '0 0 31 foo *',
      '0 0 31 2-1 *',
      '0 0 31/0 2 *',
      '0 0 31W 2 *',
    ])
      expect([cron, isEverDue(cron)]).toEqual([cron, true]);
  });
});
