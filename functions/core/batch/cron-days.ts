/** Whether a cron expression can ever be due. Written here, because a cron library reads the clock, and core has none. */

/** February has its leap day. */
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/**
 * False for `0 0 31 2 *`: no month that it names has such a day. An expression that cannot be read here is left to Cloud
 * Scheduler, which refuses it, and to the local scheduler. A restricted day of the week makes every expression due, because
 * cron takes a day that either field names.
 */
export function isEverDue(cron: string): boolean {
  const [, , days = '*', months = '*', weekdays = '*'] = cron.trim().split(/\s+/);
  if (!isAny(weekdays)) return true;
  const named = valuesOf(days, 1, 31);
  const inMonths = valuesOf(months.toLowerCase().replace(/[a-z]+/g, numberOfMonth), 1, 12);
  if (!named || !inMonths) return true;
  const firstDay = Math.min(...named);
  return inMonths.some((month) => firstDay <= (DAYS_OF_MONTH[month - 1] ?? 0));
}

const isAny = (field: string): boolean => field === '*' || field === '?';

/** A name that is no month stays, and cannot be read. */
function numberOfMonth(name: string): string {
  const month = MONTHS.indexOf(name);
  return month < 0 ? name : String(month + 1);
}

/** The numbers of a field such as `1,15-20,*\/5`; undefined if it is written otherwise. */
function valuesOf(field: string, least: number, most: number): readonly number[] | undefined {
  const values: number[] = [];
  for (const part of field.split(',')) {
    const [, range = '', from, to, step = '1'] =
      /^(\*|\?|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    if (range === '' || step === '0' || step === '00') return undefined;
    const first = from === undefined ? least : Number(from);
    const isOne = from !== undefined && to === undefined && !part.includes('/');
    const last = to === undefined ? (isOne ? first : most) : Number(to);
    if (first < least || last > most || last < first) return undefined;
    for (let value = first; value <= last; value += Number(step)) values.push(value);
  }
  return values;
}
