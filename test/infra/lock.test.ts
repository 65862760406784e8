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
