/** The part of Cloud Scheduler that the sweep uses: a call at a fixed interval, with an ID token and without retries. */

export interface ScheduledCall {
  readonly url: string;
  readonly everyMs: number;
  /** Returns the bearer token for the call. */
  readonly idToken: () => string;
  readonly onError: (error: unknown) => void;
}

/** @returns a function that stops the schedule and waits for a call in progress */
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
      if (!response.ok) onError(new Error(`${url} returned HTTP ${response.status}`));
    } catch (error) {
      // A refused connection means that the functions are starting or restarting, which the supervisor already reports.
      if (!stopping.signal.aborted && !isRefused(error)) onError(error);
    }
  };
  // Like the real service, skip a call while the previous one is in progress.
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
