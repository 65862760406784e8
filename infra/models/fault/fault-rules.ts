/** The faults that a test can script, and the rules that select the requests they apply to. */
import { z } from 'zod';
import type { Surface } from '../catalogue.ts';
import type { Random } from '../random.ts';

/** `image`: a call whose reply contains the image. */
export type CallKind = 'submit' | 'poll' | 'download' | 'image';

const when = z
  .enum(['before-accept', 'after-accept'])
  .optional()
  .describe(
    'for a submission: whether the operation exists when the fault occurs; for other calls: before or after the work',
  );

/** Faults of the reply. */
const transportFault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('http'),
    status: z.int().min(400).max(599),
    message: z.string().optional(),
    retryAfterSeconds: z.int().nonnegative().optional(),
    when,
  }),
  /** The connection is reset. */
  z.strictObject({ kind: z.literal('reset'), when }),
  /** The server never replies. */
  z.strictObject({ kind: z.literal('hang'), when }),
  /** 200 with a body that is not JSON; by default after acceptance. */
  z.strictObject({ kind: z.literal('not-json'), when }),
  /** 200 with `{}`; by default after acceptance. */
  z.strictObject({ kind: z.literal('no-name'), when }),
  /** The body of a download, or of a reply with an image, is truncated at half its length. */
  z.strictObject({ kind: z.literal('torn') }),
]);

const category = z
  .enum([
    'child',
    'celebrity',
    'general',
    'dangerous',
    'hate',
    'prohibited',
    'third-party',
    'sexual',
    'toxic',
    'violence',
    'vulgar',
  ])
  .optional();

/** Faults of the result of an operation. */
const outcomeFault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('operation-error'),
    code: z.int().min(1).max(16),
    message: z.string().optional(),
  }),
  z.strictObject({
    kind: z.literal('safety-filter'),
    /** How many samples the filter removes. Default: all. */
    filtered: z.int().positive().optional(),
    category,
    /** Omni only: status `failed`, or `completed` with text in place of the video. Default `failed`. */
    answer: z.enum(['failed', 'refusal']).optional(),
  }),
  /** The operation is done, with neither videos nor a reason. */
  z.strictObject({ kind: z.literal('empty') }),
  /** Every poll returns 404. With `lands`, the videos still appear in the bucket. */
  z.strictObject({ kind: z.literal('lost'), lands: z.boolean().optional() }),
  /** Vertex returns `generatedSamples` in place of `videos`. */
  z.strictObject({ kind: z.literal('legacy-shape') }),
]);

/** Faults of the result of an image call. */
const imageFault = z.discriminatedUnion('kind', [
  /** The safety filter rejects the prompt. */
  z.strictObject({ kind: z.literal('prompt-blocked'), category }),
  /** Gemini returns text and no image. */
  z.strictObject({ kind: z.literal('text-only') }),
]);

/** A fixed latency, before the division by the speed-up. */
const latencyFault = z.strictObject({ kind: z.literal('latency'), seconds: z.number().positive() });

const faultRule = z
  .strictObject({
    match: z
      .strictObject({
        /** `omni`: the Interactions API on either host. */
        surface: z.enum(['vertex', 'developer', 'omni']).optional(),
        model: z.string().optional(),
        promptIncludes: z.string().optional(),
        /** Default: `download` for `torn`, `image` for image faults, `submit` for all others. */
        call: z.enum(['submit', 'poll', 'download', 'image']).optional(),
      })
      .optional(),
    fault: z.union([transportFault, outcomeFault, imageFault, latencyFault]),
    /** How many requests the rule applies to. Default 1; 'always' when `rate` is set. */
    times: z.union([z.int().positive(), z.literal('always')]).optional(),
    /** The share of matching requests that the rule applies to, drawn from the seeded generator. */
    rate: z.number().min(0).max(1).optional(),
  })
  .refine((rule) => isPossible(rule.fault.kind, callOf(rule)), 'this fault cannot happen to this call');

export type TransportFault = z.infer<typeof transportFault>;
export type OutcomeFault = z.infer<typeof outcomeFault>;
export type ImageFault = z.infer<typeof imageFault>;
export type Fault = TransportFault | OutcomeFault | ImageFault | z.infer<typeof latencyFault>;
export type FaultRule = z.infer<typeof faultRule>;

/** A rule, or a list of them. @throws z.ZodError */
export function parseFaultRules(value: unknown): readonly FaultRule[] {
  return z.array(faultRule).parse(Array.isArray(value) ? value : [value]);
}

/** The faults of one request, at most one of each group. */
export interface RequestFaults {
  readonly transport: TransportFault | undefined;
  readonly outcome: OutcomeFault | undefined;
  readonly image: ImageFault | undefined;
  readonly latencySeconds: number | undefined;
}

export interface FaultTarget {
  readonly call: CallKind;
  readonly surface: Surface | 'omni';
  readonly model: string;
  readonly prompt: string;
}

export class FaultRuleSet {
  readonly #random: Random;
  #rules: { readonly rule: FaultRule; timesLeft: number }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  add(rule: FaultRule): void {
    const times = rule.times ?? (rule.rate === undefined ? 1 : 'always');
    this.#rules.push({ rule, timesLeft: times === 'always' ? Number.POSITIVE_INFINITY : times });
  }

  clear(): void {
    this.#rules = [];
  }

  /** The rules that are not used up. */
  list(): readonly FaultRule[] {
    return this.#rules.map(({ rule }) => rule);
  }

  /** Returns the faults for this request, from the oldest matching rule of each group, and decrements their counts. */
  take(target: FaultTarget): readonly Fault[] {
    const taken: Fault[] = [];
    for (const entry of this.#rules) {
      const { fault } = entry.rule;
      if (taken.some((other) => groupOf(other) === groupOf(fault)) || !doesMatch(entry.rule, target))
        continue;
      if (entry.rule.rate !== undefined && this.#random() >= entry.rule.rate) continue;
      entry.timesLeft--;
      taken.push(fault);
    }
    this.#rules = this.#rules.filter((entry) => entry.timesLeft > 0);
    return taken;
  }
}

/** Keeps the first fault of each group. */
export function combineFaults(faults: readonly Fault[]): RequestFaults {
  let transport: TransportFault | undefined;
  let outcome: OutcomeFault | undefined;
  let image: ImageFault | undefined;
  let latencySeconds: number | undefined;
  for (const fault of faults) {
    if (isTransport(fault)) transport ??= fault;
    else if (fault.kind === 'latency') latencySeconds ??= fault.seconds;
    else if (isImageFault(fault)) image ??= fault;
    else outcome ??= fault;
  }
  return { transport, outcome, image, latencySeconds };
}

const TRANSPORT_KINDS: readonly string[] = ['http', 'reset', 'hang', 'not-json', 'no-name', 'torn'];

const isTransport = (fault: Fault): fault is TransportFault => TRANSPORT_KINDS.includes(fault.kind);

const IMAGE_KINDS: readonly string[] = ['prompt-blocked', 'text-only'];

const isImageFault = (fault: Fault): fault is ImageFault => IMAGE_KINDS.includes(fault.kind);

/** Submission faults that can also happen to an image call. */
const SHARED_KINDS: readonly string[] = ['no-name', 'safety-filter', 'empty', 'latency'];

const groupOf = (fault: Fault): string =>
  isTransport(fault) ? 'transport' : fault.kind === 'latency' ? 'latency' : 'outcome';

function callOf(rule: {
  match?: { call?: CallKind | undefined } | undefined;
  fault: { kind: string };
}): CallKind {
  if (rule.match?.call !== undefined) return rule.match.call;
  if (rule.fault.kind === 'torn') return 'download';
  return IMAGE_KINDS.includes(rule.fault.kind) ? 'image' : 'submit';
}

function isPossible(kind: string, call: CallKind): boolean {
  if (kind === 'torn') return call === 'download' || call === 'image';
  if (IMAGE_KINDS.includes(kind)) return call === 'image';
  if (SHARED_KINDS.includes(kind) && call === 'image') return true;
  if (kind === 'no-name' || !TRANSPORT_KINDS.includes(kind)) return call === 'submit';
  return true;
}

function doesMatch(rule: FaultRule, target: FaultTarget): boolean {
  const { surface, model, promptIncludes } = rule.match ?? {};
  return (
    callOf(rule) === target.call &&
    (surface === undefined || surface === target.surface) &&
    (model === undefined || model === target.model) &&
    (promptIncludes === undefined || target.prompt.includes(promptIncludes))
  );
}
