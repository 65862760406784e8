/**
 * Loaded before every test file. A random test that fails prints its seed and path: `FC_SEED=… FC_PATH=… npx vitest run
 * <file> -t '<title>'` repeats it.
 */
const { FC_SEED, FC_PATH } = process.env;

if (FC_SEED !== undefined) {
  const { default: fc } = await import('fast-check');
  fc.configureGlobal({ seed: Number(FC_SEED), ...(FC_PATH === undefined ? {} : { path: FC_PATH }) });
}
