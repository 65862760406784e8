/** Runs an in-memory world: delivers due tasks and advances the clock until no work is left. */
import { handleBatch } from '../../functions/handlers/batch/batch.ts';
import { handlePoll } from '../../functions/handlers/job/poll.ts';
import { handleSubmit } from '../../functions/handlers/job/submit.ts';
import { handleSweep } from '../../functions/handlers/sweep.ts';
import type { WakeTask } from '../../functions/ports.ts';
import type { World } from './memory.ts';

export async function deliver(
  { services }: World,
  { target, jobId, wake, provider, model, lane }: WakeTask,
): Promise<void> {
  const message = { jobId, seq: wake.seq };
  if (target === 'poll') return handlePoll(services, message);
  return handleSubmit(services, { ...message, ring: wake.ring, line: { provider, model, lane } });
}

/** Delivers every due task and sweeps once a minute, for `ms`. Stops early when no job or batch has a wake. */
export async function runFor(world: World, ms: number): Promise<void> {
  const end = world.clock.now() + ms;
  let nextSweep = world.clock.now() + 60_000;
  while (world.clock.now() <= end) {
    const batch = world.tasks.takeBatch(world.clock.now());
    if (batch) {
      await handleBatch(world.services, { batchId: batch.batchId, seq: batch.wake.seq });
      continue;
    }
    const task = world.tasks.take(world.clock.now());
    if (task) {
      await deliver(world, task);
      continue;
    }
    if (world.clock.now() >= nextSweep) {
      await handleSweep(world.services);
      nextSweep += 60_000;
      continue;
    }
    const nextTask = [...world.tasks.waiting, ...world.tasks.waitingBatches].reduce(
      (earliest, { wake }) => Math.min(earliest, wake.at),
      Number.POSITIVE_INFINITY,
    );
    if (
      nextTask === Number.POSITIVE_INFINITY &&
      !(await world.jobs.overdue(Number.MAX_SAFE_INTEGER, 1)).length &&
      !(await world.batches.overdue(Number.MAX_SAFE_INTEGER, 1)).length
    )
      return;
    world.clock.advance(Math.max(1, Math.min(nextTask, nextSweep) - world.clock.now()));
  }
}
