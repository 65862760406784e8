/**
 * Batches that come by themselves: what is configured, the name of a fire's manifest, and what is remembered of fires so
 * that each starts one batch at most. Times are milliseconds since the epoch.
 */
import { z } from 'zod';

/** Parts of the date and time of a fire, in the schedule's time zone, by their placeholder; the coarsest first. */
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
}, 'is no time zone; one is Europe/Berlin');

const scheduleSchema = z.strictObject({
  /** For Cloud Scheduler, which fires; five fields. */
  cron: z.string().regex(/^\S+(?: \S+){4}$/, 'must have five fields'),
  timeZone: timeZone.default('Etc/UTC'),
  manifest: manifestPattern,
  /** Passed on with every batch. */
  template: z.unknown().optional(),
  defaults: z.record(z.string(), z.unknown()).optional(),
  strict: z.boolean().optional(),
  maxSpendUsd: z.number().positive().optional(),
  lane: z.enum(['interactive', 'batch']).default('batch'),
  /** Whose jobs they are. Default: `schedule:{id}`. */
  caller: z.string().min(1).optional(),
  /** While the batch before is unfinished: no batch, a batch after it, or one beside it. */
  overlap: z.enum(['skip', 'queue', 'allow']).default('skip'),
  /** Where the manifest is not there: nothing to do, a failure, or looked for again until `waitMinutes` are over. */
  missing: z.enum(['skip', 'fail', 'wait']).default('fail'),
  waitMinutes: z.number().positive().max(1440).default(60),
});
export type Schedule = z.infer<typeof scheduleSchema>;

export const schedulesSchema = z.record(
  z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be small letters, digits and hyphens'),
  scheduleSchema,
);
export type Schedules = z.infer<typeof schedulesSchema>;

/** The `gs://` name of the manifest of one fire. */
export function manifestOf({ manifest, timeZone }: Schedule, at: number): string {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
    ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
  });
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return manifest.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    const text = isPlaceholder(name) ? parts.get(PARTS[name]) : undefined;
    return text === undefined ? whole : text.padStart(name.length, '0');
  });
}

/**
 * What one manifest is good for, once: its name, and the time that the name stands for, as the clock there shows it. Two
 * fires may have the same: an autumn night shows an hour twice. The name alone would not do, because `{HH}.csv` is meant
 * to come again every day. Nothing where the name says nothing of time: then every fire runs it again.
 */
export function slotOf(schedule: Schedule, at: number): string | undefined {
  const finest = PLACEHOLDERS.findLastIndex((name) => schedule.manifest.includes(`{${name}}`));
  if (finest < 0) return undefined;
  const time = PLACEHOLDERS.slice(0, finest + 1).map((name) => `{${name}}`);
  return manifestOf({ ...schedule, manifest: `${schedule.manifest} ${time.join('-')}` }, at);
}

const fireSchema = z.discriminatedUnion('state', [
  /** Its batch is being made; `since` when. */
  z.object({ state: z.literal('starting'), at: z.number(), since: z.number() }),
  /** The batch before is unfinished, or the manifest is not there yet. */
  z.object({ state: z.literal('waiting'), at: z.number(), why: z.enum(['overlap', 'missing']) }),
  z.object({
    state: z.literal('started'),
    at: z.number(),
    batchId: z.string(),
    /** When; a fire that waited for its manifest starts after later ones. */
    since: z.number().optional(),
    /** Of {@link slotOf}. */
    slot: z.string().optional(),
  }),
  z.object({
    state: z.literal('over'),
    at: z.number(),
    /** `repeated`: another fire has started the batch of its manifest. */
    why: z.enum(['overlap', 'missing', 'refused', 'repeated']),
  }),
]);
export type Fire = z.infer<typeof fireSchema>;

export const scheduleStateSchema = z.object({
  /** By when they were due, oldest first. */
  fires: z.array(fireSchema),
});
export type ScheduleState = z.infer<typeof scheduleStateSchema>;
export const NEW_SCHEDULE: ScheduleState = { fires: [] };

/** Far more than Cloud Scheduler repeats; whoever waits is kept besides. */
const FIRES_KEPT = 50;

export const fireAt = ({ fires }: ScheduleState, at: number): Fire | undefined =>
  fires.find((fire) => fire.at === at);

export const isSettled = (fire: Fire | undefined): boolean =>
  fire?.state === 'started' || fire?.state === 'over';

export function withFire({ fires }: ScheduleState, fire: Fire): ScheduleState {
  const all = [...fires.filter(({ at }) => at !== fire.at), fire].sort((a, b) => a.at - b.at);
  const surplus = all.filter(isSettled).length - FIRES_KEPT;
  const dropped = new Set(surplus > 0 ? all.filter(isSettled).slice(0, surplus) : []);
  return { fires: all.filter((each) => !dropped.has(each)) };
}

/** Whether another fire has started the batch of this slot. */
export const isRepeated = ({ fires }: ScheduleState, at: number, slot: string | undefined): boolean =>
  slot !== undefined &&
  fires.some((fire) => fire.state === 'started' && fire.at !== at && fire.slot === slot);

/** What stands before a fire that may not overlap. */
export interface Ahead {
  /** The batch that was started last, whether it is finished or not. */
  readonly batchId: string | undefined;
  /** Another fire that is making its batch now, or has to go first. */
  readonly busy: boolean;
}

/** A start that has not been heard of for so long has died, perhaps after its batch was made, and is taken up again. */
export const START_LEASE_MS = 10 * 60_000;

export function aheadOf({ fires }: ScheduleState, at: number): Ahead {
  const others = fires.filter((fire) => fire.at !== at);
  const started = others.filter((fire) => fire.state === 'started');
  const batch = started.sort((a, b) => (a.since ?? a.at) - (b.since ?? b.at)).at(-1);
  const busy = others.some(
    (fire) =>
      fire.state === 'starting' || (fire.state === 'waiting' && fire.why === 'overlap' && fire.at < at),
  );
  return { batchId: batch?.batchId, busy };
}

/** Fires that the sweep has to take up, in their order. */
export const dueAgain = ({ fires }: ScheduleState, now: number): readonly Fire[] =>
  fires.filter(
    (fire) => fire.state === 'waiting' || (fire.state === 'starting' && now - fire.since >= START_LEASE_MS),
  );
