/** A complete local stack for a test, with its own folder, free ports, and access to the models' ledger. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { type Stack, type StackOptions, startStack } from '../../infra/stack/stack.ts';

const viewSchema = z.object({
  id: z.string(),
  status: z.string(),
  request: z.looseObject({ prompt: z.string().optional() }),
  error: z.object({ code: z.string(), message: z.string(), charged: z.string() }).optional(),
  attempts: z.array(
    z.object({
      id: z.string(),
      stage: z.string(),
      state: z.string(),
      operationName: z.string().optional(),
    }),
  ),
  videos: z
    .array(
      z.object({
        uri: z.string(),
        bytes: z.number(),
        durationSeconds: z.number().optional(),
        href: z.string(),
      }),
    )
    .optional(),
});
export type JobView = z.infer<typeof viewSchema>;

const paidSchema = z.object({
  prompt: z.string(),
  operationName: z.string(),
  storageUri: z.string().nullable(),
});
export type PaidCallView = z.infer<typeof paidSchema>;

export interface TestStack extends Stack {
  readonly submit: (body: unknown, headers?: Record<string, string>) => Promise<JobView>;
  /** Waits until the job has finished. */
  readonly finished: (id: string) => Promise<JobView>;
  readonly paidCalls: () => Promise<PaidCallView[]>;
  /** Stops the stack and removes its folder. */
  readonly dispose: () => Promise<void>;
}

export async function startTestStack(options: Partial<StackOptions> = {}): Promise<TestStack> {
  const stateDir = options.stateDir ?? mkdtempSync(path.join(tmpdir(), 'clapper-stack-'));
  const stack = await startStack({ stateDir, apiPort: 0, ...options });
  const { api, models } = stack.endpoints;

  /** Repeats requests during a restart of the functions. All of these requests are safe to repeat. */
  const persistent = async (url: string, init?: RequestInit): Promise<Response> => {
    for (let tries = 0; ; tries++) {
      try {
        const response = await fetch(url, init);
        if (response.status < 500 || tries >= 200) return response;
      } catch (error) {
        if (tries >= 200) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  const get = async (id: string): Promise<JobView> => {
    const response = await persistent(`${api}/v1/jobs/${id}`, { headers: { prefer: 'wait=20' } });
    return viewSchema.parse(await response.json());
  };

  return {
    ...stack,
    submit: async (body, headers = {}) => {
      const response = await persistent(`${api}/v1/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
      const answer: unknown = await response.json();
      if (!response.ok) throw new Error(`refused: ${JSON.stringify(answer)}`);
      return viewSchema.parse(answer);
    },
    finished: async (id) => {
      for (;;) {
        const job = await get(id);
        if (['succeeded', 'failed', 'cancelled'].includes(job.status)) return job;
      }
    },
    paidCalls: async () => {
      const response = await persistent(`${models}/_control/paid-calls`);
      return z.object({ paidCalls: z.array(paidSchema) }).parse(await response.json()).paidCalls;
    },
    dispose: async () => {
      await stack.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
