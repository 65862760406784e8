/**
 * The turnstile of a model: every paid call passes it, whatever its lane. It keeps calls within the model's quota,
 * closes for all of them when the model has refused one (each model has its own, so others go on), and lets the
 * callers of a lane through in turn, so that one caller's thousands do not hold up another's single job. A call that
 * stands in no line, a picture that somebody waits for, has its turn when it comes back after it was turned away.
 *
 * Pure: the store saves what is returned here in one transaction. Times are milliseconds since the epoch.
 */
import { z } from 'zod';
import type { Lane } from './job.ts';
import { backoffMs, type Policy } from './policy.ts';

export const turnstileSchema = z.object({
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
export type Turnstile = z.infer<typeof turnstileSchema>;

export const NEW_TURNSTILE: Turnstile = {
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
export function waitMs(turnstile: Turnstile, passing: Passing): number {
  const { lane, caller, now, requestsPerMinute } = passing;
  const callMs = 60_000 / requestsPerMinute;
  const burstMs = Math.max(0, BURST_MINUTES * 60_000 - callMs);
  const waiting = stillWaiting(turnstile, now);
  const own = lane === 'interactive' ? waiting.findIndex((each) => each.caller === caller) : -1;
  const keptMs = Math.min((own < 0 ? waiting.length : own) * callMs, Math.max(burstMs, callMs));
  return Math.max(0, turnstile.closedUntil - now, turnstile.dueAt + keptMs - burstMs - now);
}

const stillWaiting = ({ turnedAway }: Turnstile, now: number): Turnstile['turnedAway'] =>
  turnedAway.filter(({ until }) => now < until);

/** After a call has been turned away for so long; nothing when that changes nothing. A caller alone needs no claim. */
export function turnAway(
  turnstile: Turnstile,
  { lane, caller, now }: Passing,
  forMs: number,
): Turnstile | undefined {
  if (lane !== 'interactive') return undefined;
  const waiting = stillWaiting(turnstile, now);
  if (waiting.length === 0 && turnstile.lastCaller.interactive === caller) return undefined;
  if (waiting.length >= TURNED_AWAY_MAX || waiting.some((each) => each.caller === caller)) return undefined;
  return { ...turnstile, turnedAway: [...waiting, { caller, until: now + forMs + KEPT_MS }] };
}

/** After one call of this caller has passed. */
export function pass(turnstile: Turnstile, { lane, caller, now, requestsPerMinute }: Passing): Turnstile {
  return {
    ...turnstile,
    dueAt: Math.max(turnstile.dueAt, now) + 60_000 / requestsPerMinute,
    lastCaller: { ...turnstile.lastCaller, [lane]: caller },
    turnedAway: stillWaiting(turnstile, now).filter(
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
  turnstile: Turnstile,
  refusal: { readonly retryAfterMs: number | undefined; readonly now: number; readonly random: number },
  policy: Policy,
): Turnstile {
  const { retryAfterMs = 0, now, random } = refusal;
  // Calls that were under way together are refused together: that is one refusal, not many in a row.
  if (now < turnstile.closedUntil && retryAfterMs === 0) return turnstile;
  const refusalsInARow =
    now < turnstile.closedUntil ? turnstile.refusalsInARow : turnstile.refusalsInARow + 1;
  const closedMs = Math.max(retryAfterMs, backoffMs(refusalsInARow, random, policy));
  return { ...turnstile, refusalsInARow, closedUntil: Math.max(turnstile.closedUntil, now + closedMs) };
}

/**
 * After the model has taken a call; nothing when there is nothing to forget. A call that was under way when another one
 * was refused opens nothing.
 */
export const reopen = (turnstile: Turnstile, now: number): Turnstile | undefined =>
  turnstile.refusalsInARow === 0 || now < turnstile.closedUntil
    ? undefined
    : { ...turnstile, refusalsInARow: 0 };
