/** The checks of `npm run ci`, in their order: the cheap ones first, so that a typo is reported within seconds. */
import { spawnSync } from 'node:child_process';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Check {
  readonly name: string;
  /** A line for the shell, run in the root of the checkout. */
  readonly command: string;
  /** Takes minutes: only with `--long`. */
  readonly isLong?: boolean;
  /** Why the check cannot run here; undefined when it can. */
  readonly whyNot?: (env: Environment) => string | undefined;
}

/** The line of Node that the functions are deployed on. */
const DEPLOYED_NODE = 24;

const hasTerraform = (): boolean => spawnSync('terraform', ['version'], { stdio: 'ignore' }).status === 0;

export const CHECKS: readonly Check[] = [
  { name: 'lint', command: 'npm run lint' },
  { name: 'types', command: 'npm run types' },
  { name: 'deadcode', command: 'npm run deadcode' },
  { name: 'test', command: 'npm test' },
  {
    name: 'build',
    // The build is deterministic. It empties dist/, so that the first zip is kept elsewhere.
    command:
      'first=$(mktemp) && npm run build && mv dist/functions.zip "$first" && npm run build' +
      ' && cmp "$first" dist/functions.zip && rm "$first"',
  },
  { name: 'test-long', command: 'npm run test:long', isLong: true },
  {
    name: `node-${DEPLOYED_NODE}`,
    command: `npx --yes node@${DEPLOYED_NODE} node_modules/vitest/vitest.mjs run`,
    isLong: true,
    whyNot: () =>
      process.versions.node.startsWith(`${DEPLOYED_NODE}.`)
        ? `this is Node ${DEPLOYED_NODE} already`
        : undefined,
  },
  {
    name: 'generate',
    command:
      'dir=$(mktemp -d) && npm run generate -- "Panning wide shot of a calico kitten sleeping in the sunshine"' +
      ' --state "$dir/state" --out "$dir/out" && ls -l "$dir/out"/*.mp4 && rm -rf "$dir"',
    isLong: true,
  },
  {
    name: 'terraform',
    command: 'npm run test:terraform',
    isLong: true,
    whyNot: (env) =>
      !hasTerraform()
        ? 'terraform is not on the PATH'
        : env['CLAPPER_TERRAFORM_OFFLINE'] === undefined
          ? 'CLAPPER_TERRAFORM_OFFLINE is not set; where the registry can be reached, run npm run test:terraform'
          : undefined,
  },
];
