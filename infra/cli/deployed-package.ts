/** The package.json and the lock file of the deployment, derived from those of the project. */
import { z } from 'zod';

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string(),
  dependencies: z.record(z.string(), z.string()),
});

/** Only the fields that the buildpack needs. The functions framework loads the functions from `main`. */
export interface DeployedPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly private: true;
  readonly type: 'module';
  readonly main: string;
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
}

export function deployedPackage(manifest: unknown): DeployedPackage {
  const { name, version, license, dependencies } = manifestSchema.parse(manifest);
  return {
    name,
    version,
    license,
    private: true,
    type: 'module',
    main: 'functions/index.js',
    // The runtime of the deployment.
    engines: { node: '24' },
    dependencies,
  };
}

const lockSchema = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), z.looseObject({ dev: z.boolean().optional() })),
});

/** The lock file without development dependencies. */
export function deployedLock(lock: unknown, manifest: DeployedPackage): unknown {
  const { lockfileVersion, packages } = lockSchema.parse(lock);
  const { name, version, license, engines, dependencies } = manifest;
  const kept = Object.entries(packages).filter(([location, entry]) => location !== '' && entry.dev !== true);
  return {
    name,
    version,
    lockfileVersion,
    requires: true,
    packages: { '': { name, version, license, engines, dependencies }, ...Object.fromEntries(kept) },
  };
}
