/** Budget notifications: the notified cost decides, and only the submit queues are paused. */
import { describe, expect, it } from 'vitest';
import { type BudgetNotice, budgetNoticeOf, handleBudgetNotice } from '../../functions/handlers/budget.ts';
import { makeWorld } from '../support/memory.ts';

const push = (notice: unknown): unknown => ({
  message: { data: Buffer.from(JSON.stringify(notice)).toString('base64'), messageId: '1' },
  subscription: 'projects/p/subscriptions/s',
});

const NOTICE: BudgetNotice = {
  budgetDisplayName: 'Clapper',
  costAmount: 400,
  budgetAmount: 500,
  currencyCode: 'USD',
};

function notify(costAmount: number, stopAt: number | undefined) {
  const { services, log } = makeWorld();
  const submissions = { pause: async () => ['submit-a', 'submit-b'] };
  const answer = handleBudgetNotice({ log: services.log, submissions, stopAt }, { ...NOTICE, costAmount });
  return { answer, log };
}

describe('a budget notification', () => {
  it('is parsed from a Pub/Sub push, with or without an alert threshold', () => {
    expect(budgetNoticeOf(push({ ...NOTICE, budgetAmountType: 'SPECIFIED_AMOUNT' }))).toEqual(NOTICE);
    expect(budgetNoticeOf(push({ ...NOTICE, alertThresholdExceeded: 0.5 }))).toEqual(NOTICE);
  });

  it('is not parsed from the body of an ordinary sweep', () => {
    for (const body of [undefined, {}, '', Buffer.alloc(0)]) expect(budgetNoticeOf(body)).toBeUndefined();
  });

  it('that is invalid throws, so that Pub/Sub delivers it again', () => {
    expect(() => budgetNoticeOf(push({ costAmount: 'much' }))).toThrow('costAmount');
    expect(() => budgetNoticeOf({ message: { data: 'bm90IEpTT04=' } })).toThrow();
  });

  it('below the configured fraction pauses nothing', async () => {
    expect(await notify(499, 1).answer).toEqual({ paused: [] });
    expect(await notify(5000, undefined).answer).toEqual({ paused: [] });
  });

  it('at the configured fraction pauses the submit queues and logs an error', async () => {
    const { answer, log } = notify(450, 0.9);
    expect(await answer).toEqual({ paused: ['submit-a', 'submit-b'] });
    expect(log.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      'ERROR Clapper: 450 of 500 USD spent: 2 submit queues are paused until an operator resumes them',
    ]);
  });
});
