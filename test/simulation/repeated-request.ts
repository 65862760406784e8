/** Callers with an idempotency key repeat a request with exponential back-off until it is answered. */
import type { Engine, Invocation } from './engine.ts';

const SECOND = 1000;
const RETRY_MAX_MS = 30 * SECOND;

export interface RepeatedRequest<T> {
  readonly label: string;
  readonly send: (invocation: Invocation) => Promise<T>;
  /** The idempotency key. A request without one is sent once: a repetition could make a second job. */
  readonly key: string | undefined;
  readonly onAnswer: (answer: T) => void;
  /** Called once, after the last try. */
  readonly onDone: () => void;
}

export function requestUntilAnswered<T>(engine: Engine, request: RepeatedRequest<T>, attempt = 1): void {
  const { label, send, key, onAnswer, onDone } = request;
  engine.start(label, send, (ending) => {
    if (ending.kind === 'returned') onAnswer(ending.value);
    if (ending.kind === 'returned' || key === undefined) {
      onDone();
      return;
    }
    const backoffMs = Math.min(RETRY_MAX_MS, SECOND * 2 ** attempt);
    engine.after(backoffMs, () => requestUntilAnswered(engine, request, attempt + 1));
  });
}
