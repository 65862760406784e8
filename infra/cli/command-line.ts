/** How the programs of the command line take their options: wrong ones and `--help` are answered with the usage. */

/** @returns the options, or the code to exit with where there is nothing to do */
export function optionsOrExit<T>(parse: (args: readonly string[]) => T | 'help', usage: string): T | number {
  try {
    const options = parse(process.argv.slice(2));
    if (options !== 'help') return options;
    console.log(usage);
    return 0;
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${usage}`);
    return 2;
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
