/** The commands of delivery/README.md that hand a deployment over to Cloud Build: they move the accounts, and make none. */
import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  copyOfModule,
  DELIVERY_VARIABLES,
  MODULE,
  PROJECT,
  TERRAFORM_TIMEOUT_MS,
  terraformOrThrow,
  whyNoPlan,
} from './terraform.ts';

/** What terraform would delete or make again. */
const lost = (plan: string): string[] =>
  plan.match(/^ {2}# .*(?:will be destroyed|must be replaced)$/gm) ?? [];

describe.skipIf(whyNoPlan)(
  `the handover to the delivery${whyNoPlan ? ` (skipped: ${whyNoPlan})` : ''}`,
  () => {
    it(
      'deletes no account and no grant, and creates no account',
      async () => {
        const module = copyOfModule();
        const delivery = path.join(module, 'delivery');
        const project = `-var=project_id=${PROJECT}`;
        const [mine, its] = [path.join(module, 'mine.tfstate'), path.join(module, 'its.tfstate')];
        await terraformOrThrow(module, 'init', '-input=false');
        await terraformOrThrow(module, 'apply', '-auto-approve', '-input=false', project);
        await terraformOrThrow(delivery, 'init', '-input=false');

        const documented = readFileSync(path.join(MODULE, 'delivery/README.md'), 'utf8');
        const moves = [
          [
            'state',
            'mv',
            '-state=mine.tfstate',
            '-state-out=its.tfstate',
            'module.bootstrap[0]',
            'module.bootstrap',
          ],
          ['state', 'rm', '-state=mine.tfstate', 'google_project_service.this'],
        ];
        copyFileSync(path.join(module, 'terraform.tfstate'), mine);
        for (const move of moves) {
          expect(documented.replaceAll("'", '')).toContain(`terraform ${move.join(' ')}`);
          await terraformOrThrow(module, ...move);
        }
        copyFileSync(mine, path.join(module, 'terraform.tfstate'));
        copyFileSync(its, path.join(delivery, 'terraform.tfstate'));

        const deployment = await terraformOrThrow(
          module,
          'plan',
          '-input=false',
          project,
          '-var=bootstrap=false',
        );
        expect(lost(deployment)).toEqual([]);
        const builds = await terraformOrThrow(
          delivery,
          'plan',
          '-input=false',
          project,
          ...DELIVERY_VARIABLES,
        );
        expect(lost(builds)).toEqual([]);
        // Only those of the builds themselves.
        expect(builds.match(/google_service_account\.\S+ will be created/g)).toEqual([
          'google_service_account.this["apply"] will be created',
          'google_service_account.this["plan"] will be created',
        ]);
      },
      TERRAFORM_TIMEOUT_MS,
    );
  },
);
