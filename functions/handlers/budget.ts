/**
 * Handles a budget notification, which arrives by Pub/Sub push at `sweep`. Once the month's cost reaches the configured
 * fraction of the budget, every submit queue is paused. New jobs are still accepted, and wait; running operations are
 * polled and their videos stored. The queues stay paused until an operator resumes them.
 */
import { z } from 'zod';
import type { Log, Submissions } from '../ports.ts';

const pushSchema = z.object({ message: z.object({ data: z.string() }) });

/** The fields of a Cloud Billing budget notification (schema 1.0) used here. Amounts are in the account's currency. */
const noticeSchema = z.object({
  budgetDisplayName: z.string().default('budget'),
  costAmount: z.number(),
  budgetAmount: z.number().positive(),
  currencyCode: z.string().default(''),
});
export type BudgetNotice = z.infer<typeof noticeSchema>;

/**
 * @returns nothing for a body that is not a Pub/Sub push
 * @throws Error for a push that is not a budget notification; Pub/Sub delivers it again, and the error is logged
 */
export function budgetNoticeOf(body: unknown): BudgetNotice | undefined {
  const push = pushSchema.safeParse(body);
  if (!push.success) return undefined;
  return noticeSchema.parse(JSON.parse(Buffer.from(push.data.message.data, 'base64').toString('utf8')));
}

export interface BudgetServices {
  readonly log: Log;
  readonly submissions: Pick<Submissions, 'pause'>;
  /** Fraction of the budget at which paid calls stop; 1 is the whole budget. Absent: never. */
  readonly stopAt: number | undefined;
}

/** Called several times a day, whether or not the cost has changed. Pausing a paused queue has no effect. */
export async function handleBudgetNotice(
  { log, submissions, stopAt }: BudgetServices,
  { budgetDisplayName, costAmount, budgetAmount, currencyCode }: BudgetNotice,
): Promise<{ readonly paused: readonly string[] }> {
  const spent = `${budgetDisplayName}: ${costAmount} of ${budgetAmount} ${currencyCode} spent`;
  const fields = { budget: { costAmount, budgetAmount, currencyCode, stopAt } };
  if (stopAt === undefined || costAmount < budgetAmount * stopAt) {
    log('INFO', spent, fields);
    return { paused: [] };
  }
  const paused = await submissions.pause();
  log('ERROR', `${spent}: ${paused.length} submit queues are paused until an operator resumes them`, fields);
  return { paused };
}
