/** The top level of a layer holds only what its folders share. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const FUNCTIONS = path.join(import.meta.dirname, '../../functions');

it.each([
  ['core', 8],
  ['handlers', 6],
] as const)('functions/%s has at most %i files beside its folders', (layer, most) => {
  const files = readdirSync(path.join(FUNCTIONS, layer), { withFileTypes: true }).filter((each) =>
    each.isFile(),
  );
  expect(files.length).toBeGreaterThan(0);
  expect(files.length, files.map(({ name }) => name).join(', ')).toBeLessThanOrEqual(most);
});
