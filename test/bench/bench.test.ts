/** Tests the arithmetic of the benches and the output of a run, not what the benches measure. */
import { describe, expect, it } from 'vitest';
import { isOk, jsonOf, type Run, tableOf } from './report.ts';
import { medianOf, type Verdict, verdictOf } from './verdict.ts';

const measure = { what: 'peak memory', unit: 'MiB', measured: 150 };
const baseline = { what: 'with less', value: 100 };
const runOf = (...verdicts: Verdict[]): Run => ({
  machine: { node: 'v24.0.0', cores: 2, load: 0.5 },
  verdicts,
  broken: {},
});

describe('a claim', () => {
  it.each([
    [{ atMost: 1.5 }, true],
    [{ atMost: 1.49 }, false],
    [{ atLeast: 1.5 }, true],
    [{ atLeast: 1.51 }, false],
  ])('of %o for a ratio of 1.5 holds: %s', (claim, holds) => {
    expect(verdictOf('x', { ...measure, baseline, claim })).toMatchObject({ bench: 'x', ratio: 1.5, holds });
  });

  it('does not hold when the ratio is NaN', () => {
    for (const claim of [{ atMost: 1 }, { atLeast: 1 }])
      expect(
        verdictOf('x', { ...measure, measured: 0, baseline: { what: 'none', value: 0 }, claim }),
      ).toMatchObject({ holds: false });
  });

  it('without a baseline is an error', () => {
    expect(() => verdictOf('x', { ...measure, claim: { atMost: 1 } })).toThrow(
      "'peak memory' claims a ratio",
    );
  });

  it('is absent from a measure for information', () => {
    expect(verdictOf('x', measure)).toEqual({ bench: 'x', ...measure });
    expect(verdictOf('x', { ...measure, baseline }).holds).toBeUndefined();
  });
});

describe('several rounds', () => {
  it('are reduced to the whole round with the median ratio', () => {
    const rounds = [
      { measured: 50, baseline: 10 },
      { measured: 3, baseline: 1 },
      { measured: 1, baseline: 1 },
    ];
    expect(medianOf(rounds)).toEqual({ measured: 3, baseline: 1 });
    expect(() => medianOf([])).toThrow('there are no rounds');
  });
});

describe('a run', () => {
  const held = verdictOf('memory', { ...measure, baseline, claim: { atMost: 2 } });
  const missed = verdictOf('http', {
    ...{ what: 'requests', unit: '/s', measured: 1234.5 },
    baseline: { what: 'by bare Hono', value: 10_000 },
    claim: { atLeast: 0.5 },
  });
  const informative = verdictOf('jobs', { what: 'jobs', unit: '/s', measured: 7 });

  it('is printed as a table with three or four significant digits that marks claims that do not hold', () => {
    expect(tableOf([held, missed, informative]).split('\n')).toEqual([
      'bench   what         measured  baseline             ratio  claim',
      'memory  peak memory   150 MiB  100 with less          1.5    ≤ 2  holds',
      'http    requests     1,235 /s  10,000 by bare Hono  0.123  ≥ 0.5  DOES NOT HOLD',
      'jobs    jobs             7 /s',
    ]);
  });

  it('is printed as JSON with all fields', () => {
    expect(JSON.parse(jsonOf(runOf(held)))).toMatchObject({
      ok: true,
      machine: { cores: 2 },
      verdicts: [{ bench: 'memory', ratio: 1.5, claim: { atMost: 2 }, holds: true }],
    });
  });

  it('passes when every claim holds and every bench has measured', () => {
    expect(isOk(runOf(held, informative))).toBe(true);
    expect(isOk(runOf(held, missed))).toBe(false);
    expect(isOk({ ...runOf(held), broken: { http: 'its process ended with 1' } })).toBe(false);
  });
});
