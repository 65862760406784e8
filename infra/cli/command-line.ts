/** Option handling of the command-line programs: `--help` and invalid options print the usage. */

/** @returns the options, or the exit code when the program has nothing to do */
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
