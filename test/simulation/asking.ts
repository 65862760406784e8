/** How callers ask: again under their key, later each time, for as long as it takes to get an answer. */
import type { Engine, Invocation } from './engine.ts';

const SECOND = 1000;
const RETRY_MAX_MS = 30 * SECOND;

export interface Question<T> {
  readonly label: string;
  readonly ask: (invocation: Invocation) => Promise<T>;
  /** Without a key nobody can ask again and be sure to get the same thing. */
  readonly key: string | undefined;
  readonly answered: (answer: T) => void;
  /** Told once, when nobody asks any more. */
  readonly over: () => void;
}

export function askUntilAnswered<T>(engine: Engine, question: Question<T>, attempt = 1): void {
  const { label, ask, key, answered, over } = question;
  engine.start(label, ask, (ending) => {
    if (ending.kind === 'returned') answered(ending.value);
    if (ending.kind === 'returned' || key === undefined) {
      over();
      return;
    }
    const backoffMs = Math.min(RETRY_MAX_MS, SECOND * 2 ** attempt);
    engine.after(backoffMs, () => askUntilAnswered(engine, question, attempt + 1));
  });
}
