/**
 * Defers a submit task whose model is over its quota: another task takes its place, at the time when the model may be
 * called again. The handler then answers 2xx. An answer of 429 would slow the whole queue down and use up one of the task's
 * attempts.
 *
 * The number of submit tasks must stay the same, because there is one per waiting job:
 * - The task that takes the place has the name of the same wake, enqueued once more (`ring` + 1). A task that is delivered
 *   twice therefore names the same task twice, and Cloud Tasks creates it once.
 * - If the job of the task still waits, its wake is postponed with it. The sweep then finds the task under its new name.
 * - If another task has started the job of this one, the job of that task waits instead. This task continues without a job
 *   of its own.
 */
import { MINUTE } from '../../core/time-units.ts';
import type { Services } from '../../ports.ts';
import { advance, perform } from './advance.ts';
import type { SubmitMessage } from './wake-message.ts';

/** A longer `Retry-After` is checked again after this time, so that an operator who reopens a model waits no longer. */
const DEFER_MAX_MS = 15 * MINUTE;

/**
 * @param closedMs milliseconds until the model may be called
 * @param callMs milliseconds between two calls at the model's quota
 */
export async function deferSubmit(
  services: Services,
  message: SubmitMessage,
  closedMs: number,
  callMs: number,
): Promise<void> {
  const { clock, ids, tasks, log } = services;
  const { jobId, seq, line } = message;
  const ring = message.ring ?? 0;
  // At least a tenth of a call, with jitter: tasks that are deferred together do not return together.
  const waitMs = Math.min(DEFER_MAX_MS, Math.max(closedMs, callMs / 10) + ids.random() * (callMs / 4));
  const at = Math.ceil(clock.now() + waitMs);
  log(
    'DEBUG',
    `job ${jobId}: ${line.provider}/${line.model} is over its quota; its submit task is deferred`,
    {
      job: jobId,
      deferredMs: Math.round(waitMs),
    },
  );
  const enqueue = (wake: { readonly seq: number; readonly ring: number; readonly at: number }) =>
    tasks.enqueue({ target: 'submit', jobId, wake, ...line });

  const advanced = await advance(services, jobId, { type: 'defer', seq, ring, at });
  if (advanced.kind === 'missing') return enqueue({ seq, ring: ring + 1, at });
  const { job } = advanced;
  if (job.status === 'queued' && job.wake.seq === seq) {
    // Not `perform`: if the queue is not reachable, this task must be delivered again, and then enqueues the same wake.
    // Any other `ring`: this delivery is late, and a later task of the job exists.
    if (job.wake.ring === ring + 1) await enqueue(job.wake);
    return;
  }
  // The job was past its time and has ended: its task ends with it.
  if (advanced.kind === 'saved') return perform(services, job, advanced.effects);
  return enqueue({ seq, ring: ring + 1, at });
}
