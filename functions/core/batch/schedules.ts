/**
 * Scheduled batches: the configuration, the manifest name of a fire, and the record of recent fires, which ensures that each
 * fire starts at most one batch. A fire is one execution of a schedule, identified by the time it is due (`at`). Times are
 * milliseconds since the epoch.
 */
import { z } from 'zod';
import { LANES } from '../job/job.ts';
import { didYouMean } from '../near-miss.ts';
import { REQUEST_FIELDS } from '../request/request-body.ts';
import { isEverDue } from './cron-days.ts';

/** Placeholders for parts of a fire's date and time in the schedule's time zone, from the coarsest to the finest. */
const PARTS = { yyyy: 'year', MM: 'month', dd: 'day', HH: 'hour', mm: 'minute' } as const;
type Placeholder = keyof typeof PARTS;
const isPlaceholder = (text: string): text is Placeholder => text in PARTS;
const PLACEHOLDERS = Object.keys(PARTS).filter(isPlaceholder);

const manifestPattern = z
  .string()
  .regex(
    /^gs:\/\/[^/{}]+\/.+$/,
    'must be gs://bucket/name, with {yyyy}, {MM}, {dd}, {HH} and {mm} in the name',
  )
  .refine(
    (pattern) => [...pattern.matchAll(/\{([^{}]*)\}/g)].every(([, name = '']) => isPlaceholder(name)),
    'has a placeholder other than {yyyy}, {MM}, {dd}, {HH} and {mm}',
  );

const timeZone = z.string().refine((zone) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).format(0) !== '';
  } catch {
    return false;
  }
}, 'is not an IANA time zone; use a name such as Europe/Berlin');

/** The batch refuses unknown names as well, but only at the fire, when nobody is watching. */
const partialRequest = z.record(z.string(), z.unknown()).superRefine((given, context) => {
  for (const name of Object.keys(given)) {
    if (REQUEST_FIELDS.has(name)) continue;
    const meant = didYouMean(name, [...REQUEST_FIELDS]).replace('?', '') || '; see the README for the fields';
    context.addIssue({ code: 'custom', path: [name], message: `is not a field of a job request${meant}` });
  }
});

const scheduleSchema = z.strictObject({
  /** For Cloud Scheduler, which triggers the fires. */
  cron: z
    .string()
    .regex(/^\S+(?: \S+){4}$/, 'must have five fields with one space between them, such as 0 1 * * *')
    .refine(isEverDue, 'is never due: none of its months has such a day of the month'),
  timeZone: timeZone.default('Etc/UTC'),
  manifest: manifestPattern,
  /** This and the next fields are passed to every batch of the schedule. */
  template: partialRequest.optional(),
  defaults: partialRequest.optional(),
  strict: z.boolean().optional(),
  maxSpendUsd: z.number().positive().optional(),
  lane: z.enum(LANES).default('batch'),
  /** The caller of the batches. Default: `schedule:{id}`. */
  caller: z.string().min(1).optional(),
  /** If the previous batch is unfinished: start no batch, start one after it ends, or start one now. */
  overlap: z.enum(['skip', 'queue', 'allow']).default('skip'),
  /** If the manifest does not exist: do nothing, fail, or check again for up to `waitMinutes`. */
  missing: z.enum(['skip', 'fail', 'wait']).default('fail'),
  waitMinutes: z.number().positive().max(1440).default(60),
});
export type Schedule = z.infer<typeof scheduleSchema>;

/** The caller of the schedule's batches. */
export const callerOf = (id: string, { caller }: Pick<Schedule, 'caller'>): string =>
  caller ?? `schedule:${id}`;

export const schedulesSchema = z.record(
  z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{0,62}$/,
      'must be 1 to 63 lower-case letters, digits and hyphens, and begin with a letter',
    ),
  scheduleSchema,
);
export type Schedules = z.infer<typeof schedulesSchema>;

export const SCHEDULES_WORDS = {
  what: 'the list of schedules',
  example: '{"nightly": {"cron": "0 1 * * *", "manifest": "gs://bucket/{yyyy}-{MM}-{dd}.csv"}}',
  examples: {
    '*': { cron: '0 1 * * *', manifest: 'gs://bucket/{yyyy}-{MM}-{dd}.csv' },
    '*.cron': '0 1 * * *',
    '*.timeZone': 'Europe/Berlin',
    '*.manifest': 'gs://bucket/{yyyy}-{MM}-{dd}.csv',
    '*.defaults': { resolution: '720p' },
    '*.maxSpendUsd': 10,
    '*.caller': 'shop',
    '*.waitMinutes': 60,
  },
};

/** The `gs://` name of the manifest of a fire. */
export function manifestOf({ manifest, timeZone }: Schedule, at: number): string {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return manifest.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    const text = isPlaceholder(name) ? parts.get(PARTS[name]) : undefined;
    return text === undefined ? whole : text.padStart(name.length, '0');
  });
}

/**
 * The slot of a fire: the manifest's name and the local time that the name stands for. One slot starts at most one batch.
 * Two fires share a slot when clocks go back in autumn and an hour occurs twice. The name alone would not do, because
 * `{HH}.csv` has to run again every day. Undefined if the name has no placeholders: then every fire runs the manifest again.
 */
export function slotOf(schedule: Schedule, at: number): string | undefined {
  const finest = PLACEHOLDERS.findLastIndex((name) => schedule.manifest.includes(`{${name}}`));
  if (finest < 0) return undefined;
  const time = PLACEHOLDERS.slice(0, finest + 1).map((name) => `{${name}}`);
  return manifestOf({ ...schedule, manifest: `${schedule.manifest} ${time.join('-')}` }, at);
}

const fireSchema = z.discriminatedUnion('state', [
  /** Its batch is being created since `since`. */
  z.object({ state: z.literal('starting'), at: z.number(), since: z.number() }),
  /** The previous batch is unfinished, or the manifest does not exist yet. */
  z.object({ state: z.literal('waiting'), at: z.number(), why: z.enum(['overlap', 'missing']) }),
  z.object({
    state: z.literal('started'),
    at: z.number(),
    batchId: z.string(),
    /** When the batch was started. A fire that waited for its manifest can start after later fires. */
    since: z.number().optional(),
    /** See {@link slotOf}. */
    slot: z.string().optional(),
  }),
  z.object({
    state: z.literal('over'),
    at: z.number(),
    /** `repeated`: another fire has already started the batch of this slot. */
    why: z.enum(['overlap', 'missing', 'refused', 'repeated']),
  }),
]);
export type Fire = z.infer<typeof fireSchema>;

export const scheduleStateSchema = z.object({
  /** Ordered by `at`, oldest first. */
  fires: z.array(fireSchema),
});
export type ScheduleState = z.infer<typeof scheduleStateSchema>;
export const NEW_SCHEDULE: ScheduleState = { fires: [] };

/** Settled fires to keep: far more than Cloud Scheduler repeats. Unsettled fires are always kept. */
const SETTLED_FIRES_MAX = 50;

export const fireAt = ({ fires }: ScheduleState, at: number): Fire | undefined =>
  fires.find((fire) => fire.at === at);

export const isSettled = (fire: Fire | undefined): boolean =>
  fire?.state === 'started' || fire?.state === 'over';

export function withFire({ fires }: ScheduleState, fire: Fire): ScheduleState {
  const all = [...fires.filter(({ at }) => at !== fire.at), fire].sort((a, b) => a.at - b.at);
  const surplus = all.filter(isSettled).length - SETTLED_FIRES_MAX;
  const dropped = new Set(surplus > 0 ? all.filter(isSettled).slice(0, surplus) : []);
  return { fires: all.filter((each) => !dropped.has(each)) };
}

/** Whether another fire has already started the batch of this slot. */
export const isRepeated = ({ fires }: ScheduleState, at: number, slot: string | undefined): boolean =>
  slot !== undefined &&
  fires.some((fire) => fire.state === 'started' && fire.at !== at && fire.slot === slot);

/** What a fire has to wait for if batches must not overlap. */
export interface Predecessors {
  /** The batch that was started last, finished or not. */
  readonly batchId: string | undefined;
  /** Another fire is creating its batch, or is earlier and waits for the previous batch too. */
  readonly busy: boolean;
}

/**
 * A fire that has been `starting` for longer has crashed, perhaps after its batch was created. The sweep starts it again.
 */
export const START_LEASE_MS = 10 * 60_000;

export function predecessorsOf({ fires }: ScheduleState, at: number): Predecessors {
  const others = fires.filter((fire) => fire.at !== at);
  const started = others.filter((fire) => fire.state === 'started');
  const batch = started.sort((a, b) => (a.since ?? a.at) - (b.since ?? b.at)).at(-1);
  const busy = others.some(
    (fire) =>
      fire.state === 'starting' || (fire.state === 'waiting' && fire.why === 'overlap' && fire.at < at),
  );
  return { batchId: batch?.batchId, busy };
}

/** Fires that the sweep has to resume, oldest first. */
export const firesToResume = ({ fires }: ScheduleState, now: number): readonly Fire[] =>
  fires.filter(
    (fire) => fire.state === 'waiting' || (fire.state === 'starting' && now - fire.since >= START_LEASE_MS),
  );
