/** Reads the log of the stack during a chaos run. Its memory does not grow with the length of the run. */
import { z } from 'zod';

const lineSchema = z.object({
  severity: z.string(),
  message: z.string(),
  to: z.string().optional(),
  attempt: z.string().optional(),
});

const COMPLAINTS_MAX = 300;

export class LogWatch {
  /** Attempts that were uncertain at some time. */
  readonly uncertain = new Set<string>();
  readonly #complaints = new Map<string, number>();

  readonly onLine = (line: string): void => {
    const entry = lineSchema.safeParse(parsed(line));
    if (!entry.success) {
      this.#complain(line);
      return;
    }
    const { severity, message, to, attempt } = entry.data;
    const isUncertain = to === 'uncertain' || message.endsWith('(attempt uncertain)');
    if (isUncertain && attempt !== undefined) this.uncertain.add(attempt);
    if (severity === 'ERROR') this.#complain(`ERROR ${message}`);
  };

  /** The counts of error messages and of lines that are not log entries, with numbers and ids masked. */
  get complaints(): Record<string, number> {
    return Object.fromEntries([...this.#complaints].sort(([, a], [, b]) => b - a));
  }

  #complain(line: string): void {
    const key = line
      .replace(/job_[a-z2-7]{26}/g, 'job_*')
      .replace(/\d+/g, '#')
      .trim()
      .slice(0, 160);
    if (key === '' || (!this.#complaints.has(key) && this.#complaints.size >= COMPLAINTS_MAX)) return;
    this.#complaints.set(key, (this.#complaints.get(key) ?? 0) + 1);
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
