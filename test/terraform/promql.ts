/**
 * The part of PromQL that the alerts and the dashboard use, over series of Cloud Monitoring. Everything else is refused.
 *
 * `increase` and `rate` count the points of a delta by their time ranges, as Google documents for Cloud Monitoring: the
 * first point of a series counts, and nothing is extrapolated.
 */

/** One minute's points of one series. A distribution has the values themselves. */
export interface Point {
  readonly atMs: number;
  readonly values: readonly number[];
}

export interface Series {
  readonly kind: 'counter' | 'gauge' | 'distribution';
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly Point[];
  /** The upper bounds of a distribution's buckets. */
  readonly bounds?: readonly number[];
}

export interface Metric {
  readonly kind: Series['kind'];
  /** The labels that a selector and `by` may name. */
  readonly labels: readonly string[];
  readonly series: readonly Series[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
type Vector = readonly Sample[];
type Value = number | Vector;
type Expression = (nowMs: number) => Value;
type RangeOf = (
  nowMs: number,
) => readonly { readonly labels: Sample['labels']; readonly points: readonly Point[] }[];

const TOKEN =
  /\s*(?:(?<text>"(?:[^"\\]|\\.)*")|(?<duration>\d+(?:ms|[smhd])\b)|(?<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)|(?<name>[A-Za-z_:][\w:]*)|(?<sign>=~|!=|!~|>=|<=|[-+*/(){}[\],=><]))/y;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PRECEDENCE: Readonly<Record<string, number>> = { '>': 1, '+': 2, '-': 2, '*': 3, '/': 3 };

/** @throws Error if the query is not valid PromQL, names an unknown metric or label, or uses what is not evaluated here */
export function parseQuery(query: string, metrics: ReadonlyMap<string, Metric>): (nowMs: number) => Vector {
  const tokens = tokenize(query);
  let next = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at '${tokens.slice(next).join(' ')}' of: ${query}`);
  };
  const peek = (): string => tokens[next] ?? '';
  const take = (expected?: string): string => {
    const token = peek();
    if (token === '' || (expected !== undefined && token !== expected))
      fail(`expected ${expected ?? 'more'}`);
    next++;
    return token;
  };
  const list = (open: string, close: string, item: () => void): void => {
    take(open);
    while (peek() !== close) {
      item();
      if (peek() === ',') take(',');
    }
    take(close);
  };

  const selector = (
    name: string,
  ): { readonly metric: Metric; readonly part: string; readonly matches: (s: Series) => boolean } => {
    const [, base = '', suffix] = /^(.*?)(_sum|_count|_bucket)?$/.exec(name) ?? [];
    const distribution = suffix === undefined ? undefined : metrics.get(base);
    const metric = metrics.get(name) ?? distribution ?? fail(`unknown metric ${name}`);
    if ((metric.kind === 'distribution') !== (metric === distribution))
      fail(`${name} does not fit a ${metric.kind}`);
    const tests: ((labels: Series['labels']) => boolean)[] = [];
    if (peek() === '{')
      list('{', '}', () => {
        const label = take();
        if (!metric.labels.includes(label)) fail(`${name} has no label ${label}`);
        const operator = take();
        const value = take().slice(1, -1);
        if (operator === '=') tests.push((labels) => labels[label] === value);
        else if (operator === '=~')
          tests.push((labels) => new RegExp(`^(?:${value})$`).test(labels[label] ?? ''));
        else fail(`matcher ${operator} is not evaluated`);
      });
    return { metric, part: suffix ?? '', matches: ({ labels }) => tests.every((holds) => holds(labels)) };
  };

  const range = (): { readonly of: RangeOf; readonly windowMs: number } => {
    const { metric, part, matches } = selector(take());
    if (metric.kind === 'gauge') fail('a range of a gauge is not evaluated');
    take('[');
    const [, count, unit = ''] = /^(\d+)(\D+)$/.exec(take()) ?? fail('expected a duration');
    take(']');
    const windowMs = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
    const of: RangeOf = (nowMs) =>
      metric.series.filter(matches).flatMap((series) => {
        const points = series.points.filter(({ atMs }) => atMs > nowMs - windowMs && atMs <= nowMs);
        return points.length === 0 ? [] : partsOf(series, points, part);
      });
    return { of, windowMs };
  };

  const call = (name: string): Expression => {
    if (name === 'sum') {
      const by: string[] = [];
      if (peek() === 'by') {
        take('by');
        list('(', ')', () => by.push(take()));
      }
      take('(');
      const inner = expression(0);
      take(')');
      return (nowMs) => sumBy(vector(inner(nowMs)), by);
    }
    take('(');
    const result = ((): Expression => {
      switch (name) {
        case 'increase':
        case 'rate': {
          const { of, windowMs } = range();
          const per = name === 'rate' ? windowMs / 1000 : 1;
          return (nowMs) =>
            of(nowMs).map(({ labels, points }) => ({
              labels,
              value: points.flatMap(({ values }) => values).reduce((sum, value) => sum + value, 0) / per,
            }));
        }
        case 'absent_over_time': {
          const { of } = range();
          return (nowMs) => (of(nowMs).length === 0 ? [{ labels: {}, value: 1 }] : []);
        }
        case 'histogram_quantile': {
          const rank = Number(take());
          take(',');
          const inner = expression(0);
          return (nowMs) => quantile(rank, vector(inner(nowMs)));
        }
        default:
          return fail(`function ${name} is not evaluated`);
      }
    })();
    take(')');
    return result;
  };

  const operand = (): Expression => {
    if (peek() === '(') {
      take('(');
      const inner = expression(0);
      take(')');
      return inner;
    }
    const token = take();
    if (/^\d/.test(token)) return () => Number(token);
    if (peek() === '(' || (token === 'sum' && peek() === 'by')) return call(token);
    const { metric, matches } = selector(token);
    if (metric.kind !== 'gauge') fail(`${token} needs increase or rate`);
    return (nowMs) =>
      metric.series.filter(matches).flatMap(({ labels, points }) => {
        const last = points.filter(({ atMs }) => atMs <= nowMs && atMs > nowMs - 300_000).at(-1);
        return last ? [{ labels, value: last.values.at(-1) ?? Number.NaN }] : [];
      });
  };

  const expression = (least: number): Expression => {
    let left = operand();
    for (let own = PRECEDENCE[peek()]; own !== undefined && own > least; own = PRECEDENCE[peek()]) {
      const operator = take();
      const [a, b] = [left, expression(own)];
      left = (nowMs) => combine(operator, a(nowMs), b(nowMs));
    }
    return left;
  };

  const whole = expression(0);
  if (next < tokens.length) fail('unexpected');
  return (nowMs) => vector(whole(nowMs));
}

function tokenize(query: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < query.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(query);
    if (!match) throw new Error(`not PromQL at '${query.slice(start)}' of: ${query}`);
    tokens.push(match[0].trim());
  }
  return tokens;
}

/** What a selector with this suffix reads of a series. `_bucket` has a series per upper bound. */
function partsOf(
  { kind, labels, bounds = [] }: Series,
  points: readonly Point[],
  part: string,
): { readonly labels: Sample['labels']; readonly points: readonly Point[] }[] {
  const mapped = (of: (values: readonly number[]) => number): readonly Point[] =>
    points.map(({ atMs, values }) => ({ atMs, values: [of(values)] }));
  if (kind !== 'distribution' || part === '_sum') return [{ labels, points }];
  if (part === '_count') return [{ labels, points: mapped((values) => values.length) }];
  return [...bounds, Number.POSITIVE_INFINITY].map((bound) => ({
    labels: { ...labels, le: String(bound) },
    points: mapped((values) => values.filter((value) => value <= bound).length),
  }));
}

function vector(value: Value): Vector {
  if (typeof value === 'number') throw new Error('a number where a vector belongs');
  return value;
}

function sumBy(samples: Vector, by: readonly string[]): Vector {
  const groups = new Map<string, Sample>();
  for (const { labels, value } of samples) {
    const kept = Object.fromEntries(by.map((name) => [name, labels[name] ?? '']));
    const key = JSON.stringify(kept);
    groups.set(key, { labels: kept, value: (groups.get(key)?.value ?? 0) + value });
  }
  return [...groups.values()];
}

function combine(operator: string, left: Value, right: Value): Value {
  if (typeof left === 'number') throw new Error('a number on the left side is not evaluated');
  return left.flatMap(({ labels, value }) => {
    const other =
      typeof right === 'number'
        ? right
        : right.find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
    if (other === undefined) return [];
    if (operator === '>') return value > other ? [{ labels, value }] : [];
    const results: Readonly<Record<string, number>> = {
      '+': value + other,
      '-': value - other,
      '*': value * other,
      '/': value / other,
    };
    return [{ labels, value: results[operator] ?? Number.NaN }];
  });
}

/** As Prometheus: linear within the bucket. */
function quantile(rank: number, samples: Vector): Vector {
  const buckets = samples
    .map(({ labels, value }) => ({ bound: Number(labels['le']), count: value }))
    .sort((a, b) => a.bound - b.bound);
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return [];
  const wanted = rank * total;
  const at = buckets.findIndex(({ count }) => count >= wanted);
  const below = buckets[at - 1] ?? { bound: 0, count: 0 };
  const { bound, count } = buckets[at] ?? below;
  if (bound === Number.POSITIVE_INFINITY) return [{ labels: {}, value: below.bound }];
  const value = below.bound + ((bound - below.bound) * (wanted - below.count)) / (count - below.count);
  return [{ labels: {}, value }];
}
