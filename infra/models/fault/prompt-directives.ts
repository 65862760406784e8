/**
 * Faults that the prompt requests: `[simulate: 429 x2] a cat`, `[simulate: safety-filter=1, slow=300] a dog`.
 *
 * `=N` is the argument of a directive. `xN` applies it to the first N requests, `xall` to every request. Submissions are
 * counted per surface, project and prompt, polls per operation, downloads per file. A restart of the server resets the
 * counts. Submission directives also apply to image calls where the fault can happen there.
 */

import { invalid } from '../http/google-error.ts';
import type { CallKind, Fault } from './fault-rules.ts';

interface Directive {
  readonly call: CallKind;
  /** Default for `xN`. */
  readonly times: 1 | 'all';
  /** The meaning of the argument. Absent: the directive has none. */
  readonly argument?: string;
  readonly about: string;
  readonly fault: (argument: number | undefined) => Fault;
}

const http = (status: number, when: 'before-accept' | 'after-accept' = 'before-accept'): Fault => ({
  kind: 'http',
  status,
  when,
});

export const DIRECTIVES: Readonly<Record<string, Directive>> = {
  '429': {
    call: 'submit',
    times: 1,
    argument: 'seconds of Retry-After',
    about: 'quota exceeded',
    fault: (seconds) => ({
      kind: 'http',
      status: 429,
      ...(seconds !== undefined && { retryAfterSeconds: seconds }),
    }),
  },
  '500': { call: 'submit', times: 1, about: '500, nothing accepted', fault: () => http(500) },
  '503': { call: 'submit', times: 1, about: '503, nothing accepted', fault: () => http(503) },
  '500-after-accept': {
    call: 'submit',
    times: 1,
    about: '500, but the operation exists',
    fault: () => http(500, 'after-accept'),
  },
  '503-after-accept': {
    call: 'submit',
    times: 1,
    about: '503, but the operation exists',
    fault: () => http(503, 'after-accept'),
  },
  reset: {
    call: 'submit',
    times: 1,
    about: 'connection reset, nothing accepted',
    fault: () => ({ kind: 'reset', when: 'before-accept' }),
  },
  'reset-after-accept': {
    call: 'submit',
    times: 1,
    about: 'connection reset, but the operation exists',
    fault: () => ({ kind: 'reset', when: 'after-accept' }),
  },
  hang: {
    call: 'submit',
    times: 1,
    about: 'no reply, nothing accepted',
    fault: () => ({ kind: 'hang', when: 'before-accept' }),
  },
  'hang-after-accept': {
    call: 'submit',
    times: 1,
    about: 'no reply, but the operation exists',
    fault: () => ({ kind: 'hang', when: 'after-accept' }),
  },
  'not-json': {
    call: 'submit',
    times: 1,
    about: '200 with a body that is not JSON; the operation exists',
    fault: () => ({ kind: 'not-json', when: 'after-accept' }),
  },
  'no-name': {
    call: 'submit',
    times: 1,
    about: '200 without a name; the operation exists',
    fault: () => ({ kind: 'no-name', when: 'after-accept' }),
  },
  error: {
    call: 'submit',
    times: 'all',
    argument: 'google.rpc code, default 13',
    about: 'the operation ends with an error',
    fault: (code = 13) => ({ kind: 'operation-error', code }),
  },
  'safety-filter': {
    call: 'submit',
    times: 'all',
    argument: 'how many samples, default all',
    about: 'the safety filter removes videos',
    fault: (filtered) => ({ kind: 'safety-filter', ...(filtered !== undefined && { filtered }) }),
  },
  refusal: {
    call: 'submit',
    times: 'all',
    about: 'the safety filter removes every video; Omni completes with text in place of the video',
    fault: () => ({ kind: 'safety-filter', answer: 'refusal' }),
  },
  empty: {
    call: 'submit',
    times: 'all',
    about: 'the operation is done, with neither videos nor a reason',
    fault: () => ({ kind: 'empty' }),
  },
  lost: {
    call: 'submit',
    times: 'all',
    about: 'every poll returns 404, and no video appears',
    fault: () => ({ kind: 'lost', lands: false }),
  },
  'lost-but-lands': {
    call: 'submit',
    times: 'all',
    about: 'every poll returns 404, but the videos appear in the bucket',
    fault: () => ({ kind: 'lost', lands: true }),
  },
  'legacy-shape': {
    call: 'submit',
    times: 'all',
    about: 'Vertex returns generatedSamples in place of videos',
    fault: () => ({ kind: 'legacy-shape' }),
  },
  'prompt-blocked': {
    call: 'image',
    times: 'all',
    about: 'image calls: the safety filter rejects the prompt',
    fault: () => ({ kind: 'prompt-blocked' }),
  },
  'text-only': {
    call: 'image',
    times: 'all',
    about: 'image calls: Gemini returns text and no image',
    fault: () => ({ kind: 'text-only' }),
  },
  slow: {
    call: 'submit',
    times: 'all',
    argument: 'seconds before the speed-up, default 360',
    about: 'a fixed latency',
    fault: (seconds = 360) => ({ kind: 'latency', seconds }),
  },
  'poll-404': { call: 'poll', times: 1, about: '404 to a poll', fault: () => http(404) },
  'poll-429': { call: 'poll', times: 1, about: '429 to a poll', fault: () => http(429) },
  'poll-500': { call: 'poll', times: 1, about: '500 to a poll', fault: () => http(500) },
  'poll-503': { call: 'poll', times: 1, about: '503 to a poll', fault: () => http(503) },
  'poll-reset': {
    call: 'poll',
    times: 1,
    about: 'connection reset during a poll',
    fault: () => ({ kind: 'reset' }),
  },
  'poll-hang': { call: 'poll', times: 1, about: 'no reply to a poll', fault: () => ({ kind: 'hang' }) },
  'poll-not-json': {
    call: 'poll',
    times: 1,
    about: '200 to a poll, with a body that is not JSON',
    fault: () => ({ kind: 'not-json' }),
  },
  'torn-download': {
    call: 'download',
    times: 1,
    about: 'the download is truncated at half its length',
    fault: () => ({ kind: 'torn' }),
  },
  'download-503': { call: 'download', times: 1, about: '503 to a download', fault: () => http(503) },
  'download-reset': {
    call: 'download',
    times: 1,
    about: 'connection reset before a download begins',
    fault: () => ({ kind: 'reset' }),
  },
};

interface ParsedDirective {
  readonly name: string;
  readonly directive: Directive;
  readonly argument: number | undefined;
  readonly times: number;
}

const BRACKETS = /\[simulate:([^\]]*)\]/gi;
const ONE = /^([a-z0-9-]+)(?:=(\d+))?(?:\s+x(\d+|all))?$/i;

/** The directives in the prompt. @throws GoogleError INVALID_ARGUMENT for an unknown directive */
export function parseDirectives(prompt: string): readonly ParsedDirective[] {
  return [...prompt.matchAll(BRACKETS)].flatMap((match) => (match[1] ?? '').split(',').map(parseOne));
}

function parseOne(text: string): ParsedDirective {
  const [, name = '', argument, times] = ONE.exec(text.trim()) ?? [];
  const directive = Object.hasOwn(DIRECTIVES, name.toLowerCase())
    ? DIRECTIVES[name.toLowerCase()]
    : undefined;
  if (directive === undefined || (argument !== undefined && directive.argument === undefined)) {
    return invalid(
      `Unknown simulation directive "${text.trim()}". Use one of ${Object.keys(DIRECTIVES).join(', ')}.`,
    );
  }
  const count = times?.toLowerCase() ?? directive.times;
  return {
    name: name.toLowerCase(),
    directive,
    argument: argument === undefined ? undefined : Number(argument),
    times: count === 'all' ? Number.POSITIVE_INFINITY : Number(count),
  };
}

/** The prompt without its directives. */
export const withoutDirectives = (prompt: string): string => prompt.replaceAll(BRACKETS, '').trim();

export class DirectiveCounter {
  readonly #uses = new Map<string, number>();

  /** The faults that the prompt requests for this call. Calls with the same `subject` share a count. */
  take(prompt: string, call: CallKind, subject: string): readonly Fault[] {
    const faults: Fault[] = [];
    for (const { name, directive, argument, times } of parseDirectives(prompt)) {
      if (directive.call !== call) continue;
      const key = `${call}\n${name}\n${subject}`;
      const uses = this.#uses.get(key) ?? 0;
      if (uses >= times) continue;
      this.#uses.set(key, uses + 1);
      faults.push(directive.fault(argument));
    }
    return faults;
  }
}
