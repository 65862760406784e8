/** What a verification consists of: steps, each of which compares one assumption with the real project. */
import type { ClapperApi, JobAnswer } from './clapper-api.ts';
import type { Deployment } from './deployment.ts';
import type { Google } from './google.ts';

/**
 * `as assumed`; `differs`: docs/unverified.md has what to do; `compare`: a person has to read the finding; `unknown`: the
 * step could not find out; `does not apply` to this deployment; `not paid`: the money was not allowed.
 */
export const VERDICTS = [
  'as assumed',
  'differs',
  'compare',
  'unknown',
  'does not apply',
  'not paid',
] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface Finding {
  readonly verdict: Verdict;
  readonly detail: string;
}

export interface Context {
  readonly deployment: Deployment;
  readonly google: Google;
  readonly api: ClapperApi;
  /** For requests that need neither of the two clients, such as signed links. */
  readonly fetch: typeof fetch;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** The finished jobs of paid steps, by step. */
  readonly jobs: ReadonlyMap<string, JobAnswer>;
}

/** Never pays: the runner gives it no way to. */
export interface FreeStep {
  readonly id: string;
  readonly title: string;
  readonly paid?: undefined;
  /** The paid step whose finished job this one looks at. */
  readonly after?: string;
  readonly check: (context: Context) => Promise<Finding>;
}

/** A job of Clapper, or one call of an image model through Clapper's surface of Vertex AI or directly. */
export type PaidCall =
  | { readonly kind: 'job'; readonly body: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'image';
      readonly model: string;
      readonly location: string;
      readonly method: 'generateContent' | 'predict';
      /** `google`: with the credentials of whoever runs this, for a model that Clapper refuses. */
      readonly through: 'clapper' | 'google';
    };

export interface PaidAnswer {
  /** The HTTP status of an image call. */
  readonly status?: number;
  readonly message?: string;
  /** The job that the call made. */
  readonly job?: JobAnswer;
}

/** The runner prices, reserves and makes the call. The step only reads the answer. */
export interface PaidStep {
  readonly id: string;
  readonly title: string;
  readonly paid: PaidCall;
  readonly conclude: (answer: PaidAnswer) => Finding;
}

export type Step = FreeStep | PaidStep;

export const asAssumed = (detail: string): Finding => ({ verdict: 'as assumed', detail });
export const differs = (detail: string): Finding => ({ verdict: 'differs', detail });
export const compare = (detail: string): Finding => ({ verdict: 'compare', detail });
export const unknown = (detail: string): Finding => ({ verdict: 'unknown', detail });
export const doesNotApply = (detail: string): Finding => ({ verdict: 'does not apply', detail });

/**
 * Repeats a check until it finds something: logs take seconds to arrive, metrics some minutes.
 * @returns undefined after `waitMs`
 */
export async function eventually<T>(
  { now, sleep }: Pick<Context, 'now' | 'sleep'>,
  waitMs: number,
  find: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const until = now() + waitMs;
  for (;;) {
    const found = await find();
    if (found !== undefined || now() >= until) return found;
    await sleep(EVERY_MS);
  }
}

const EVERY_MS = 15_000;
