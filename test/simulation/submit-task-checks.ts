/**
 * Counts the submit tasks. There is one per waiting job: a missing one leaves a job to the sweep, a surplus one multiplies
 * with every deferral. Checked while no handler runs, because a handler enqueues one task after another.
 */
import type { Job } from '../../functions/core/job/job.ts';
import { submitQueueName, submitQueueOf } from '../../functions/core/job/queues.ts';
import type { WakeTask } from '../../functions/ports.ts';
import type { Engine } from './engine.ts';
import type { FaultClass } from './faults.ts';

export interface SubmitTasks {
  /** Those that are in a queue. `isDelivered`: a second delivery of the task came before the first. */
  readonly waiting: readonly (WakeTask & { readonly isDelivered: boolean })[];
  readonly isDelivering: boolean;
  /**
   * Deliveries of submit and batch tasks that failed. The queue delivers them again. The successor of a submit task may
   * already be enqueued, and the task of a row's job may be missing until then.
   */
  readonly failed: number;
  /** Tasks that the queue has lost. The sweep replaces them. */
  readonly lost: number;
}

/** A stalled handler may enqueue its task after the sweep has replaced it. */
const ADDS: readonly FaultClass[] = ['stall'];
/** Faults after which a task is not enqueued. The sweep then enqueues it. */
const LOSES: readonly FaultClass[] = ['crash', 'store', 'queue'];

/** Without these faults the tasks are counted to the end of a run. With them, the count ends at the first one. */
export const TASK_FAULTS: ReadonlySet<FaultClass> = new Set([...ADDS, ...LOSES, 'delivery']);

export function checkSubmitTasks(engine: Engine, jobs: Iterable<Job>, tasks: SubmitTasks): void {
  if (tasks.isDelivering || engine.running('') > 0) return;
  if (tasks.failed === 0 && !happened(engine, ADDS))
    checkNoSurplus(
      engine,
      tasks.waiting.filter(({ isDelivered }) => !isDelivered),
    );
  if (tasks.failed + tasks.lost === 0 && !happened(engine, LOSES))
    checkNoneMissing(engine, jobs, tasks.waiting);
}

const happened = ({ faults }: Engine, kinds: readonly FaultClass[]): boolean =>
  kinds.some((kind) => (faults.counts.get(kind) ?? 0) > 0);

function checkNoSurplus(engine: Engine, tasks: readonly WakeTask[]): void {
  const wakes = new Set<string>();
  for (const { jobId, wake } of tasks) {
    const id = `${jobId} ${wake.seq}`;
    if (wakes.has(id)) engine.violate('a wake has one submit task', `wake ${wake.seq} of ${jobId} has two`);
    wakes.add(id);
  }
}

function checkNoneMissing(engine: Engine, jobs: Iterable<Job>, tasks: readonly WakeTask[]): void {
  const left = countBy(tasks.map(submitQueueName));
  for (const job of jobs) {
    if (job.status !== 'queued') continue;
    const queue = submitQueueName(submitQueueOf(job));
    const count = (left.get(queue) ?? 0) - 1;
    left.set(queue, count);
    if (count < 0)
      engine.violate('as many submit tasks as waiting jobs', `${queue} has too few; ${job.jobId} waits`);
  }
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
