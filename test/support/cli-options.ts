/** The options of the programs under `test/`, checked by a schema. */
import type { ParseArgsConfig } from 'node:util';
import { z } from 'zod';
import { didYouMean } from '../../functions/core/near-miss.ts';
import { checkInput } from '../../functions/core/request/checked-input.ts';
import { readArguments } from '../../infra/cli/command-line.ts';

interface Options<T> {
  /** How users start the program, such as `npm run bench`. */
  readonly command: string;
  readonly args: readonly string[];
  /** Besides `--help`. */
  readonly options: NonNullable<ParseArgsConfig['options']>;
  readonly schema: z.ZodType<T>;
}

/** @throws Error that names every wrong option with its value */
export function parsedOptions<T>({ command, args, options, schema }: Options<T>): T | 'help' {
  const { values } = readArguments(command, { args, options: { ...options, help: { type: 'boolean' } } });
  const { help, ...rest } = values;
  if (help === true) return 'help';
  const checked = checkInput(schema, rest, { what: 'the options', example: `${command} -- --help` });
  if ('value' in checked) return checked.value;
  throw new Error(checked.errors.map(({ field, detail }) => `--${field} ${detail}`).join('\n'));
}

/** An option whose value is a list of these names, separated by commas. */
export const listOf = <T extends string>(names: readonly T[]) =>
  z.string().transform((text, context): T[] => {
    const words = text.split(',').filter((word) => word !== '');
    const unknown = words.find((word) => names.every((name) => name !== word));
    if (unknown === undefined) return words.flatMap((word) => names.find((name) => name === word) ?? []);
    const meant = didYouMean(unknown, names).replace(/\?$/, '');
    context.addIssue({
      code: 'custom',
      message: `must have names of ${names.join(', ')}, separated by commas${meant}`,
    });
    return z.NEVER;
  });
