/**
 * The rate limiter of a model: every paid call passes it, whatever its lane. It keeps calls within the model's quota,
 * closes for all of them when the model has refused one (each model has its own, so others go on), and lets the
 * callers of a lane through in turn, so that one caller's thousands do not hold up another's single job. A call that
 * stands in no line, a picture that somebody waits for, has its turn when it comes back after it was turned away.
 *
 * Pure: the store saves what is returned here in one transaction. Times are milliseconds since the epoch.
 */
import { z } from 'zod';
import type { Lane } from './job.ts';
import { backoffMs, type Policy } from './policy.ts';

export const rateLimiterSchema = z.object({
  /** When the next call would be due if calls came evenly at the quota's rate (GCRA). */
  dueAt: z.number(),
  /** Nobody passes before this. */
  closedUntil: z.number(),
  refusalsInARow: z.number(),
  /** Who passed last in each lane; the next in the alphabet is next, and after the last the first. */
  lastCaller: z.object({ interactive: z.string().optional(), batch: z.string().optional() }),
  /** Interactive callers who were turned away, the first to come first: until then a call is kept for each. */
  turnedAway: z.array(z.object({ caller: z.string(), until: z.number() })).default([]),
});
export type RateLimiter = z.infer<typeof rateLimiterSchema>;

export const NEW_RATE_LIMITER: RateLimiter = {
  ...{ dueAt: 0, closedUntil: 0, refusalsInARow: 0, lastCaller: {}, turnedAway: [] },
};

/**
 * The share of a minute's quota that may pass at once. Quotas are counted by the minute and Cloud Tasks delivers in
 * bursts of ten: anything tighter would refuse what the model would have taken.
 */
const BURST_MINUTES = 1 / 4;

/** How long a call is kept for who was told when to come back: clients back off for up to a minute. */
const KEPT_MS = 60_000;
/** Callers for whom a call is kept; a bound for the document. */
const TURNED_AWAY_MAX = 16;

/**
 * Milliseconds until a call may pass: 0 is now. Who comes while others wait leaves room for a call of each. Out of the
 * burst, where there is one: the model's rate stays what it is, though one of them never came back.
 */
export function waitMs(rateLimiter: RateLimiter, passing: Passing): number {
  const { lane, caller, now, requestsPerMinute } = passing;
  const callMs = 60_000 / requestsPerMinute;
  const burstMs = Math.max(0, BURST_MINUTES * 60_000 - callMs);
  const waiting = stillWaiting(rateLimiter, now);
  const own = lane === 'interactive' ? waiting.findIndex((each) => each.caller === caller) : -1;
  const keptMs = Math.min((own < 0 ? waiting.length : own) * callMs, Math.max(burstMs, callMs));
  return Math.max(0, rateLimiter.closedUntil - now, rateLimiter.dueAt + keptMs - burstMs - now);
}

const stillWaiting = ({ turnedAway }: RateLimiter, now: number): RateLimiter['turnedAway'] =>
  turnedAway.filter(({ until }) => now < until);

/** After a call has been turned away for so long; nothing when that changes nothing. A caller alone needs no claim. */
export function turnAway(
  rateLimiter: RateLimiter,
  { lane, caller, now }: Passing,
  forMs: number,
): RateLimiter | undefined {
  if (lane !== 'interactive') return undefined;
  const waiting = stillWaiting(rateLimiter, now);
  if (waiting.length === 0 && rateLimiter.lastCaller.interactive === caller) return undefined;
  if (waiting.length >= TURNED_AWAY_MAX || waiting.some((each) => each.caller === caller)) return undefined;
  return { ...rateLimiter, turnedAway: [...waiting, { caller, until: now + forMs + KEPT_MS }] };
}

/** After one call of this caller has passed. */
export function pass(
  rateLimiter: RateLimiter,
  { lane, caller, now, requestsPerMinute }: Passing,
): RateLimiter {
  return {
    ...rateLimiter,
    dueAt: Math.max(rateLimiter.dueAt, now) + 60_000 / requestsPerMinute,
    lastCaller: { ...rateLimiter.lastCaller, [lane]: caller },
    turnedAway: stillWaiting(rateLimiter, now).filter(
      (each) => lane !== 'interactive' || each.caller !== caller,
    ),
  };
}

export interface Passing {
  readonly lane: Lane;
  readonly caller: string;
  readonly now: number;
  readonly requestsPerMinute: number;
}

/** After the model has refused a call for its quota: closed for as long as it said, longer each time in a row. */
export function close(
  rateLimiter: RateLimiter,
  refusal: { readonly retryAfterMs: number | undefined; readonly now: number; readonly random: number },
  policy: Policy,
): RateLimiter {
  const { retryAfterMs = 0, now, random } = refusal;
  // Calls that were under way together are refused together: that is one refusal, not many in a row.
  if (now < rateLimiter.closedUntil && retryAfterMs === 0) return rateLimiter;
  const refusalsInARow =
    now < rateLimiter.closedUntil ? rateLimiter.refusalsInARow : rateLimiter.refusalsInARow + 1;
  const closedMs = Math.max(retryAfterMs, backoffMs(refusalsInARow, random, policy));
  return { ...rateLimiter, refusalsInARow, closedUntil: Math.max(rateLimiter.closedUntil, now + closedMs) };
}

/**
 * After the model has taken a call; nothing when there is nothing to forget. A call that was under way when another one
 * was refused opens nothing.
 */
export const reopen = (rateLimiter: RateLimiter, now: number): RateLimiter | undefined =>
  rateLimiter.refusalsInARow === 0 || now < rateLimiter.closedUntil
    ? undefined
    : { ...rateLimiter, refusalsInARow: 0 };
