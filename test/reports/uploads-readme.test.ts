/** The formats in README.md that a user copies: an upload rule and a schedules file. Measured on b5f8afa: neither had an example. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { schedulesSchema } from '../../functions/core/batch/schedules.ts';
import { uploadRulesSchema } from '../../functions/core/batch/upload-rules.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const jsonAfter = (heading: string): unknown =>
  JSON.parse(/```json\n(.*?)```/s.exec(readme.slice(readme.indexOf(`### ${heading}\n`)))?.[1] ?? '');

describe('README.md', () => {
  it('has an upload rule that is valid', () => {
    expect(uploadRulesSchema.parse(jsonAfter('Uploads'))).toMatchObject([{ prompt: 'required' }]);
  });

  it('has a schedules file that is valid, and names every field of a schedule', () => {
    const schedules = schedulesSchema.parse(jsonAfter('Schedules'));
    expect(Object.keys(schedules)).toEqual(['nightly']);
    const section = readme.slice(readme.indexOf('### Schedules\n'), readme.indexOf('### Events\n'));
    const fields = Object.keys(schedulesSchema.valueType.shape);
    expect(fields.length).toBeGreaterThan(8);
    for (const field of fields) expect(section).toContain(`\`${field}\``);
  });
});
