/** The arithmetic of the benches, and what a run prints. What they measure is theirs to say, not a unit test's. */
import { describe, expect, it } from 'vitest';
import { isOk, jsonOf, type Run, tableOf } from './report.ts';
import { middleOf, type Verdict, verdictOf } from './verdict.ts';

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
  ])('of %o on a ratio of 1.5 holds: %s', (claim, holds) => {
    expect(verdictOf('x', { ...measure, baseline, claim })).toMatchObject({ bench: 'x', ratio: 1.5, holds });
  });

  it('on a ratio that is no number does not hold', () => {
    for (const claim of [{ atMost: 1 }, { atLeast: 1 }])
      expect(
        verdictOf('x', { ...measure, measured: 0, baseline: { what: 'none', value: 0 }, claim }),
      ).toMatchObject({ holds: false });
  });

  it('without a baseline is a mistake', () => {
    expect(() => verdictOf('x', { ...measure, claim: { atMost: 1 } })).toThrow(
      "'peak memory' claims a ratio",
    );
  });

  it('is not made of what is measured for information', () => {
    expect(verdictOf('x', measure)).toEqual({ bench: 'x', ...measure });
    expect(verdictOf('x', { ...measure, baseline }).holds).toBeUndefined();
  });
});

describe('of several rounds', () => {
  it('the one with the middle ratio counts, whole', () => {
    const rounds = [
      { measured: 50, baseline: 10 },
      { measured: 3, baseline: 1 },
      { measured: 1, baseline: 1 },
    ];
    expect(middleOf(rounds)).toEqual({ measured: 3, baseline: 1 });
    expect(() => middleOf([])).toThrow('no round');
  });
});

describe('a run', () => {
  const held = verdictOf('memory', { ...measure, baseline, claim: { atMost: 2 } });
  const missed = verdictOf('http', {
    ...{ what: 'requests', unit: '/s', measured: 1234.5 },
    baseline: { what: 'by nobody', value: 10_000 },
    claim: { atLeast: 0.5 },
  });
  const told = verdictOf('jobs', { what: 'jobs', unit: '/s', measured: 7 });

  it('is a table with as many digits as say something, and tells what does not hold', () => {
    expect(tableOf([held, missed, told]).split('\n')).toEqual([
      'bench   what         measured  baseline          ratio  claim',
      'memory  peak memory   150 MiB  100 with less       1.5    ≤ 2  holds',
      'http    requests     1,235 /s  10,000 by nobody  0.123  ≥ 0.5  DOES NOT HOLD',
      'jobs    jobs             7 /s',
    ]);
  });

  it('is JSON with all of it', () => {
    expect(JSON.parse(jsonOf(runOf(held)))).toMatchObject({
      ok: true,
      machine: { cores: 2 },
      verdicts: [{ bench: 'memory', ratio: 1.5, claim: { atMost: 2 }, holds: true }],
    });
  });

  it('is good when every claim holds and every bench could measure', () => {
    expect(isOk(runOf(held, told))).toBe(true);
    expect(isOk(runOf(held, missed))).toBe(false);
    expect(isOk({ ...runOf(held), broken: { http: 'it ended with 1' } })).toBe(false);
  });
});
