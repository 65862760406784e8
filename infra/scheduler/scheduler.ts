/** Cloud Scheduler, as far as it is used: calls a function at a fixed interval, with an ID token, and forgets failures. */

export interface ScheduledCall {
  readonly url: string;
  readonly everyMs: number;
  /** Bearer token for the call. */
  readonly idToken: () => string;
  readonly onError: (error: unknown) => void;
}

/** @returns stops the schedule and waits for a call in progress */
export function startSchedule({ url, everyMs, idToken, onError }: ScheduledCall): () => Promise<void> {
  const stopping = new AbortController();
  let inProgress: Promise<void> = Promise.resolve();
  const call = async (): Promise<void> => {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${idToken()}`, 'user-agent': 'Google-Cloud-Scheduler' },
        signal: stopping.signal,
      });
      await response.arrayBuffer();
      if (!response.ok) onError(new Error(`${url} answered ${response.status}`));
    } catch (error) {
      // Nobody listens: what is called is being started, or started again, and the supervisor tells of that.
      if (!stopping.signal.aborted && !isRefused(error)) onError(error);
    }
  };
  // Like the real one, a call that is still under way is not overtaken by the next.
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    inProgress = call().finally(() => {
      busy = false;
    });
  }, everyMs);
  return async () => {
    clearInterval(timer);
    stopping.abort();
    await inProgress;
  };
}

const isRefused = (error: unknown): boolean =>
  error instanceof Error &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  error.cause.code === 'ECONNREFUSED';
