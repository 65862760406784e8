import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({ optionalDependencies: z.record(z.string(), z.string()).optional() }),
  ),
});

describe.each(['package-lock.json', 'test/clients/package-lock.json'])('the lock file %s', (file) => {
  it('contains the packages of every platform, so that npm ci works on all of them', () => {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    const { packages } = lockSchema.parse(JSON.parse(text));
    const missing = Object.entries(packages).flatMap(([location, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${location}/node_modules/${name}` in packages),
      ),
    );
    expect(missing).toEqual([]);
    expect(text).not.toContain('"resolved"');
  });
});

const versionOf = (text: string): number => {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(Number);
  return (major * 1000 + minor) * 1000 + patch;
};

/** Whether the version is in a range of npm, as far as the locked packages write them. */
function isInRange(version: string, range: string): boolean {
  return range.split('||').some((alternative) =>
    alternative
      .replace(/([<>=^~]) +/g, '$1')
      .trim()
      .split(/\s+/)
      .every((part) => {
        const [, operator = '', given = ''] = /^([<>=^~]*)v?(\d+(?:\.\d+)*)(?:\.[x*])*$/.exec(part) ?? [];
        if (part === '*') return true;
        if (given === '')
          throw new Error(`the range '${range}' has a part '${part}', which this test cannot read`);
        const difference = versionOf(version) - versionOf(given);
        // `<=24` includes every version 24.
        if (operator === '<=') return difference <= 0 || version.split('.')[0] === given;
        if (operator === '<') return difference < 0;
        if (operator === '>=') return difference >= 0;
        if (operator === '>') return difference > 0;
        return difference >= 0 && version.split('.')[0] === given.split('.')[0];
      }),
  );
}

describe('engines of package.json', () => {
  const read = (file: string): unknown =>
    JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
  const engines = z.object({ node: z.string() });
  const { node } = z.object({ engines }).parse(read('package.json')).engines;
  const { packages } = z
    .object({ packages: z.record(z.string(), z.looseObject({ engines: z.unknown().optional() })) })
    .parse(read('package-lock.json'));
  const ranges = Object.entries(packages).flatMap(([location, each]) => {
    const parsed = engines.safeParse(each.engines);
    return parsed.success ? [{ location, range: parsed.data.node }] : [];
  });
  const refusing = (version: string): string[] =>
    ranges.filter(({ range }) => !isInRange(version, range)).map(({ location }) => location);
  const lowest = node.replace('>=', '');

  it('names the lowest version of Node that every locked package supports', () => {
    expect(ranges.length).toBeGreaterThan(100);
    expect(refusing(lowest)).toEqual([]);
    const [major = '', minor = ''] = lowest.split('.');
    expect(refusing(`${major}.${Number(minor) - 1}.0`)).not.toEqual([]);
  });

  it('allows the deployed version, which every locked package supports', () => {
    expect(isInRange('24.0.0', node)).toBe(true);
    expect(refusing('24.0.0')).toEqual([]);
  });
});
