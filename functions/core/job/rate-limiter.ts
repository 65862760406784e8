/**
 * The rate limiter of a model. Every paid call of the model asks it first, in either lane.
 * - It keeps the calls within the model's quota.
 * - After the model has refused a call for its quota, it is closed for all calls. Other models are not affected.
 * - It records the last caller of each lane, for round-robin between callers: thousands of jobs of one caller do not delay
 *   another caller's single job.
 * - It remembers deferred callers. An image call on Google's surfaces waits in no queue: if it is not allowed now, it is
 *   deferred with 429, and other calls leave room for it.
 *
 * Pure: the store saves the returned record in one transaction. Times are milliseconds since the epoch. The stored names
 * are older: `turnstiles` are the rate limiters, `turnedAway` are the deferred callers.
 */
import { z } from 'zod';
import type { Lane } from './job.ts';
import { backoffMs, type Policy } from './policy.ts';

export const rateLimiterSchema = z.object({
  /** The theoretical arrival time of the next call, if calls came evenly at the quota's rate (GCRA). */
  dueAt: z.number(),
  /** No call is allowed before this time. */
  closedUntil: z.number(),
  refusalsInARow: z.number(),
  /** The last caller that was allowed in each lane. The next one in alphabetical order follows, cyclically. */
  lastCaller: z.object({ interactive: z.string().optional(), batch: z.string().optional() }),
  /** Interactive callers whose call was deferred, oldest first. Room for one call of each is left until `until`. */
  turnedAway: z.array(z.object({ caller: z.string(), until: z.number() })).default([]),
});
export type RateLimiter = z.infer<typeof rateLimiterSchema>;

export const NEW_RATE_LIMITER: RateLimiter = {
  dueAt: 0,
  closedUntil: 0,
  refusalsInARow: 0,
  lastCaller: {},
  turnedAway: [],
};

/**
 * The share of a minute's quota that is allowed at once. Google counts quotas by the minute, and Cloud Tasks delivers in
 * bursts of ten: a smaller burst would reject calls that the model would have accepted.
 */
const BURST_MINUTES = 1 / 4;

/** How long room is left for a deferred call after it could have passed: clients back off for up to a minute. */
const DEFERRED_MS = 60_000;
/** Bounds the size of the document. */
const DEFERRED_MAX = 16;

/**
 * Milliseconds until the call is allowed; 0 means now. A call leaves room for one call of each deferred caller before it. The
 * room is taken from the burst, if there is one, so that a caller who never comes back does not reduce the model's rate.
 */
export function waitMs(rateLimiter: RateLimiter, { lane, caller, now, requestsPerMinute }: Call): number {
  const callMs = 60_000 / requestsPerMinute;
  const burstMs = Math.max(0, BURST_MINUTES * 60_000 - callMs);
  const deferred = deferredCallers(rateLimiter, now);
  const own = lane === 'interactive' ? deferred.findIndex((each) => each.caller === caller) : -1;
  const roomMs = Math.min((own < 0 ? deferred.length : own) * callMs, Math.max(burstMs, callMs));
  return Math.max(0, rateLimiter.closedUntil - now, rateLimiter.dueAt + roomMs - burstMs - now);
}

const deferredCallers = ({ turnedAway }: RateLimiter, now: number): RateLimiter['turnedAway'] =>
  turnedAway.filter(({ until }) => now < until);

/**
 * Remembers a deferred caller. Not needed for a batch call, which waits in a queue, and for an interactive caller without
 * competitors.
 * @param retryAfterMs time until the call could pass
 * @returns undefined if nothing changes
 */
export function deferCaller(
  rateLimiter: RateLimiter,
  { lane, caller, now }: Call,
  retryAfterMs: number,
): RateLimiter | undefined {
  if (lane !== 'interactive') return undefined;
  const deferred = deferredCallers(rateLimiter, now);
  if (deferred.length === 0 && rateLimiter.lastCaller.interactive === caller) return undefined;
  if (deferred.length >= DEFERRED_MAX || deferred.some((each) => each.caller === caller)) return undefined;
  return { ...rateLimiter, turnedAway: [...deferred, { caller, until: now + retryAfterMs + DEFERRED_MS }] };
}

/** Records a call that was allowed. */
export function recordCall(
  rateLimiter: RateLimiter,
  { lane, caller, now, requestsPerMinute }: Call,
): RateLimiter {
  return {
    ...rateLimiter,
    dueAt: Math.max(rateLimiter.dueAt, now) + 60_000 / requestsPerMinute,
    lastCaller: { ...rateLimiter.lastCaller, [lane]: caller },
    turnedAway: deferredCallers(rateLimiter, now).filter(
      (each) => lane !== 'interactive' || each.caller !== caller,
    ),
  };
}

export interface Call {
  readonly lane: Lane;
  readonly caller: string;
  readonly now: number;
  readonly requestsPerMinute: number;
}

/** After a quota refusal: closed for the model's `Retry-After`, or for a back-off that grows with consecutive refusals. */
export function close(
  rateLimiter: RateLimiter,
  refusal: { readonly retryAfterMs: number | undefined; readonly now: number; readonly random: number },
  policy: Policy,
): RateLimiter {
  const { retryAfterMs = 0, now, random } = refusal;
  // Concurrent calls are refused together. They count as one refusal.
  if (now < rateLimiter.closedUntil && retryAfterMs === 0) return rateLimiter;
  const refusalsInARow =
    now < rateLimiter.closedUntil ? rateLimiter.refusalsInARow : rateLimiter.refusalsInARow + 1;
  const closedMs = Math.max(retryAfterMs, backoffMs(refusalsInARow, random, policy));
  return { ...rateLimiter, refusalsInARow, closedUntil: Math.max(rateLimiter.closedUntil, now + closedMs) };
}

/**
 * After the model has accepted a call: resets the count of refusals. A call that began before the rate limiter was closed
 * does not reopen it.
 * @returns undefined if nothing changes
 */
export const reopen = (rateLimiter: RateLimiter, now: number): RateLimiter | undefined =>
  rateLimiter.refusalsInARow === 0 || now < rateLimiter.closedUntil
    ? undefined
    : { ...rateLimiter, refusalsInARow: 0 };
