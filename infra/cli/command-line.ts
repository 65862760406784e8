/** Option handling of the command-line programs: `--help` and invalid options print the usage. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { didYouMean } from '../../functions/core/near-miss.ts';

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

/** For a program without options. One that is given, such as `--help`, ends the process before the program does anything. */
export function endAtAnyOption(command: string, does: string): void {
  const exitCode = optionsOrExit((args) => {
    const { values } = readArguments(command, { args, options: { help: { type: 'boolean' } } });
    return values.help ? 'help' : undefined;
  }, `Usage: ${command}\n${does} It has no options.`);
  if (exitCode !== undefined) process.exit(exitCode);
}

interface Arguments extends Omit<ParseArgsConfig, 'args'> {
  readonly args: readonly string[];
}

/**
 * Reads the arguments of a program with node's parser.
 * @param command how users start the program, such as `npm start`
 * @throws Error that names the argument that is wrong, the option that was probably meant, and how to see all
 */
export function readArguments<T extends Arguments>(
  command: string,
  config: T,
): ReturnType<typeof parseArgs<Omit<T, 'args'>>> {
  const { args, ...rest } = config;
  try {
    return parseArgs<Omit<T, 'args'>>({ ...rest, args: [...args] });
  } catch (error) {
    throw new Error(
      `${problemOf(error, Object.keys(config.options ?? {}))} For the options: ${command} -- --help`,
    );
  }
}

/** The words of node's parser name what is wrong, and then advise to pass the option as an argument. */
function problemOf(error: unknown, names: readonly string[]): string {
  const message = messageOf(error);
  const [, option] = /^Unknown option '(-[^']*)'/.exec(message) ?? [];
  if (option !== undefined)
    return `${option} is not an option${
      didYouMean(
        option,
        names.map((name) => `--${name}`),
      ) || '.'
    }`;
  const [, argument] = /^Unexpected argument '(.*?)'/s.exec(message) ?? [];
  if (argument !== undefined)
    return `'${argument}' is an argument, but only options are read. Write its option before it.`;
  const [, missing] =
    /^Option '(?:-\w, )?(--[^ ']+)[^']*' argument (?:missing|is ambiguous)/.exec(message) ?? [];
  if (missing !== undefined) return `${missing} needs a value.`;
  const [, flag] = /^Option '(?:-\w, )?(--[^ ']+)' does not take an argument/.exec(message) ?? [];
  return flag === undefined ? message : `${flag} takes no value.`;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
