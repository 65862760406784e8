import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillTemplate } from '../../../functions/core/request/template.ts';

describe('a prompt template', () => {
  it('inserts variables and defaults', () => {
    const { text, used, missing, faults } = fillTemplate(
      'A {animal} in {place=the garden}, {n} times, {place}',
      {
        animal: 'cat',
        n: 3,
        place: 'Rome',
      },
    );
    expect(text).toBe('A cat in Rome, 3 times, Rome');
    expect([...used]).toEqual(['animal', 'place', 'n']);
    expect([missing, faults]).toEqual([[], []]);
    expect(fillTemplate('in {place=the garden}', {}).text).toBe('in the garden');
    expect(fillTemplate('in {place=}', {}).text).toBe('in ');
  });

  it('reports each missing variable once', () => {
    expect(fillTemplate('{a} {b} {a}', { b: '' }).missing).toEqual(['a']);
  });

  it('does not treat an inherited property as a variable', () => {
    expect(fillTemplate('{toString}', {}).missing).toEqual(['toString']);
  });

  it('does not fill placeholders in the value of a variable', () => {
    expect(fillTemplate('{a}', { a: '{b} {{' }).text).toBe('{b} {{');
  });

  it.each(['{', 'a {b', '}', '{}', '{a b}', '{1}', '{a=}}'])('reports a fault in %j', (template) => {
    const { faults } = fillTemplate(template, { a: 'x', b: 'x' });
    expect(faults.length).toBeGreaterThan(0);
  });

  it('returns any text whose braces are doubled', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const filled = fillTemplate(text.replaceAll('{', '{{').replaceAll('}', '}}'), {});
        expect(filled).toMatchObject({ text, missing: [], faults: [] });
      }),
    );
  });
});
