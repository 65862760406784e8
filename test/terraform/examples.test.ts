/** Every example with the real terraform: format, validate, plan, apply, plan again, destroy. */
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  copyOfModule,
  DELIVERY_VARIABLES,
  EXAMPLES,
  MODULE,
  PROJECT,
  TERRAFORM_TIMEOUT_MS,
  terraform,
  terraformOrThrow,
  whyNoPlan,
  whyNoTerraform,
} from './terraform.ts';

describe.skipIf(whyNoTerraform)(
  `every module${whyNoTerraform ? ` (skipped: ${whyNoTerraform})` : ''}`,
  () => {
    it(
      'is formatted',
      async () => {
        const { code, output } = await terraform(MODULE, 'fmt', '-check', '-recursive', '-diff');
        expect(code, output).toBe(0);
      },
      TERRAFORM_TIMEOUT_MS,
    );

    it.each(['.', 'delivery'])(
      '%s is valid and passes its own tests',
      async (folder) => {
        const dir = path.join(copyOfModule(), folder);
        await terraformOrThrow(dir, 'init', '-input=false', '-backend=false');
        expect(await terraformOrThrow(dir, 'validate')).toContain('The configuration is valid');
        const output = await terraformOrThrow(dir, 'test');
        expect(output).toMatch(/Success! [1-9]\d* passed, 0 failed/);
      },
      TERRAFORM_TIMEOUT_MS,
    );
  },
);

describe.skipIf(whyNoPlan)(`every root module${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`, () => {
  let copy: string;
  beforeAll(() => {
    copy = copyOfModule();
  });

  const applied = [
    ...EXAMPLES.map((example) => ({
      folder: `examples/${example}`,
      atLeast: 150,
      variables: [] as string[],
    })),
    { folder: 'delivery', atLeast: 40, variables: [...DELIVERY_VARIABLES] },
  ];

  it.each(applied)(
    '$folder is valid, applies as planned, then plans no changes, and is destroyed completely',
    async ({ folder, atLeast, variables }) => {
      const dir = path.join(copy, folder);
      const project = [`-var=project_id=${PROJECT}`, ...variables];
      const summary = (output: string, pattern: RegExp): string => pattern.exec(output)?.[0] ?? output;

      await terraformOrThrow(dir, 'init', '-input=false');
      expect(await terraformOrThrow(dir, 'validate')).toContain('The configuration is valid');
      const planned = await terraformOrThrow(dir, 'plan', '-input=false', '-out=first', ...project);
      expect(planned).not.toContain('Warning');
      const [, count] = /Plan: (\d+) to add, 0 to change, 0 to destroy/.exec(planned) ?? [];
      expect(Number(count)).toBeGreaterThan(atLeast);

      const done = await terraformOrThrow(dir, 'apply', '-input=false', 'first');
      expect(summary(done, /Apply complete!.*/)).toBe(
        `Apply complete! Resources: ${count} added, 0 changed, 0 destroyed.`,
      );
      // With -detailed-exitcode, 0 means no changes. 2 means changes, which is an error here.
      const again = await terraform(dir, 'plan', '-input=false', '-detailed-exitcode', ...project);
      expect(again.code, again.output).toBe(0);
      expect(again.output).toContain('No changes.');

      const destroyed = await terraformOrThrow(dir, 'destroy', '-auto-approve', '-input=false', ...project);
      expect(summary(destroyed, /Destroy complete!.*/)).toBe(
        `Destroy complete! Resources: ${count} destroyed.`,
      );
      expect((await terraformOrThrow(dir, 'state', 'list')).trim()).toBe('');
    },
    TERRAFORM_TIMEOUT_MS,
  );
});
