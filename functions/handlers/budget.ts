/**
 * What a budget says, by Pub/Sub push to `sweep`: once the month's cost has reached the part of the budget at which to
 * stop, every submit queue is paused. Jobs go on being accepted, and wait; operations under way are followed and land.
 * Nothing here resumes: a person decides that.
 */
import { z } from 'zod';
import type { Log, Submissions } from '../ports.ts';

const pushSchema = z.object({ message: z.object({ data: z.string() }) });

/** The part of a Cloud Billing budget notification (schema 1.0) that is used. Amounts are in the account's currency. */
const noticeSchema = z.object({
  budgetDisplayName: z.string().default('budget'),
  costAmount: z.number(),
  budgetAmount: z.number().positive(),
  currencyCode: z.string().default(''),
});
export type BudgetNotice = z.infer<typeof noticeSchema>;

/** @throws Error for a push that is no budget's: it is delivered again, and seen */
export function budgetNoticeOf(body: unknown): BudgetNotice | undefined {
  const push = pushSchema.safeParse(body);
  if (!push.success) return undefined;
  return noticeSchema.parse(JSON.parse(Buffer.from(push.data.message.data, 'base64').toString('utf8')));
}

export interface BudgetServices {
  readonly log: Log;
  readonly submissions: Pick<Submissions, 'pause'>;
  /** Part of the budget at which paid calls are stopped, 1 for all of it. Absent: never. */
  readonly stopAt: number | undefined;
}

/** Comes several times a day, whether or not anything has changed; pausing what is paused does nothing. */
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
  log('ERROR', `${spent}: ${paused.length} submit queues are paused until somebody resumes them`, fields);
  return { paused };
}
