/**
 * What an account can do: its own permissions, and those of every account that it can become.
 *
 * Reads the grants of Terraform's plans. Roles of the plan list their permissions; those of Google's roles that matter
 * are in role-permissions.json.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { block, ofType, type PlannedResource, PROJECT, text } from './terraform.ts';

type Plan = readonly PlannedResource[];

export interface Reached {
  /** The accounts on the way, from the first to the one that has the permission. */
  readonly path: readonly string[];
  readonly permission: string;
  /** The resource of the grant, with the condition of the grant if it has one. */
  readonly on: string;
}

const permissionsSchema = z.object({ roles: z.record(z.string(), z.array(z.string())) });
const GOOGLES_ROLES = permissionsSchema.parse(
  JSON.parse(readFileSync(new URL('role-permissions.json', import.meta.url), 'utf8')),
).roles;

/** Each of these is enough to act as an account, or to get a credential of it. */
const BECOMES =
  /^iam\.(?:serviceAccounts\.(?:actAs|getAccessToken|getOpenIdToken|implicitDelegation|signBlob|signJwt)|serviceAccountKeys\.create)$/;

/** Ways to more rights than were granted. Rights on data are not among them. */
export const ESCALATES =
  /setIamPolicy$|^iam\.roles\.|^iam\.serviceAccounts\.(?:create|delete|enable|undelete|update)$|^iam\.serviceAccountApiKeyBindings\.|PolicyBinding$|^cloudbuild\.builds\.|^deploymentmanager\.|^config\.deployments\.|^orgpolicy\.|^serviceusage\.services\.enable$/;

/** @throws Error for a role that neither the plan nor role-permissions.json has */
function permissionsOf(plan: Plan, role: string): readonly string[] {
  const custom = ofType(plan, 'google_project_iam_custom_role').find(
    ({ values }) => role === `projects/${PROJECT}/roles/${text(values['role_id'])}`,
  );
  if (custom) return z.array(z.string()).parse(custom.values['permissions']);
  return (
    GOOGLES_ROLES[role] ??
    unknown(`role-permissions.json has no ${role || 'role (its name is not known in the plan)'}: add it`)
  );
}

/** The accounts whose grants have no other name in the plan: an account's resource name is known only after the apply. */
const ACCOUNT_OF: Readonly<Record<string, string>> = { tasks_user: 'tasks', api_signs: 'api' };

function resourceOf({ type, address, key, values }: PlannedResource, name: string): string {
  switch (type) {
    case 'google_project_iam_member':
      return 'project';
    case 'google_service_account_iam_member': {
      const account = key.includes('/') ? key.split('/')[1] : undefined;
      const id = account ?? ACCOUNT_OF[/_iam_member\.(\w+)/.exec(address)?.[1] ?? ''];
      return id ? `account ${name}-${id}` : unknown(`${address}: the test does not know its account`);
    }
    case 'google_storage_bucket_iam_member':
      return `bucket ${text(values['bucket'])}`;
    default:
      return `${type.replace(/^google_(\w+)_iam_member$/, '$1')} ${address}`;
  }
}

/** Everything that the account can do, with the way. `name` is the deployment's. */
export function reachOf(plan: Plan, account: string, name = 'clapper'): readonly Reached[] {
  const grants = plan
    .filter(({ type }) => type.endsWith('_iam_member'))
    .map((grant) => {
      const condition = text(block(grant.values, 'condition')['expression']);
      return {
        member: text(grant.values['member']),
        permissions: permissionsOf(plan, text(grant.values['role'])),
        resource: resourceOf(grant, name),
        condition,
      };
    });
  const reached: Reached[] = [];
  const visited = new Set([account]);
  const waiting = [[account]];
  for (let path = waiting.shift(); path; path = waiting.shift()) {
    const member = `serviceAccount:${path.at(-1)}@${PROJECT}.iam.gserviceaccount.com`;
    for (const { permissions, resource, condition } of grants.filter((grant) => grant.member === member)) {
      const on = condition ? `${resource} if ${condition}` : resource;
      for (const permission of permissions) {
        reached.push({ path, permission, on });
        const [, next] = /^account (\S+)/.exec(resource) ?? [];
        if (!BECOMES.test(permission) || !next || visited.has(next)) continue;
        visited.add(next);
        waiting.push([...path, next]);
      }
    }
  }
  return reached;
}

/** The accounts that the account can become; `any` stands for all accounts of the project. */
export const becomes = (reached: readonly Reached[]): readonly string[] => [
  ...new Set(
    reached
      .filter(({ permission }) => BECOMES.test(permission))
      .map(({ on }) => /^account (\S+)/.exec(on)?.[1] ?? 'any'),
  ),
];

function unknown(what: string): never {
  throw new Error(what);
}
