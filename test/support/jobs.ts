/** Jobs in an in-memory world: creates them, reads them back, and lets a scripted Vertex finish them. */
import type { Job } from '../../functions/core/job/job.ts';
import { createJob } from '../../functions/handlers/job/create-job.ts';
import type { World } from './memory.ts';

export async function accept(
  world: World,
  body: Record<string, unknown> = {},
  caller = 'local',
): Promise<Job> {
  const { job } = await createJob(world.services, {
    caller,
    body: { prompt: 'a calico kitten', ...body },
  });
  return job;
}

export async function stored(world: World, { jobId }: Job): Promise<Job> {
  const job = await world.jobs.get(jobId);
  if (!job) throw new Error('the job does not exist');
  return job;
}

/** Makes every operation succeed after `ms`, with its videos written under the prefix of its call. */
export function finishesAfter(world: World, ms: number, samples = 1): void {
  const { vertex, clock, output } = world;
  const startedAt = new Map<string, number>();
  const { onSubmit } = vertex;
  vertex.onSubmit = async (call) => {
    const answer = await onSubmit(call);
    if (answer.kind === 'accepted') startedAt.set(answer.operation.name, clock.now());
    return answer;
  };
  vertex.onPoll = ({ name }) => {
    if (clock.now() < (startedAt.get(name) ?? 0) + ms) return { kind: 'running' };
    // The scripted provider numbers its operations.
    const call = vertex.calls[Number(name.split('/').at(-1)) - 1];
    const prefix = call?.outputUri.replace('gs://out/', '') ?? '';
    const sources = Array.from({ length: samples }, (_, i) => {
      output.put(`${prefix}1084/sample_${i}.mp4`, Buffer.from('video'));
      return { uri: `gs://out/${prefix}1084/sample_${i}.mp4`, mimeType: 'video/mp4' };
    });
    return { kind: 'done', result: { sources, filteredCount: 0, filteredReasons: [] } };
  };
}
