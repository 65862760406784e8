/**
 * Loaded before every test file. A failing random test prints its seed and path. This repeats it:
 * `FC_SEED=… FC_PATH=… npx vitest run <file> -t '<title>'`.
 */
const { FC_SEED, FC_PATH } = process.env;

if (FC_SEED !== undefined) {
  const { default: fc } = await import('fast-check');
  fc.configureGlobal({ seed: Number(FC_SEED), ...(FC_PATH === undefined ? {} : { path: FC_PATH }) });
}
