/** Measured on 9fd10aa: no program said which option was meant. `command-line.long.test.ts` starts the programs. */
import { describe, expect, it } from 'vitest';
import { nearest } from '../../functions/core/near-miss.ts';
import { parseOptions } from '../../infra/cli/generate-options.ts';
import { parseStartOptions } from '../../infra/cli/start-options.ts';
import { parseUploadOptions } from '../../infra/cli/upload-options.ts';

describe('a wrong argument', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a mistyped option',
      () => parseStartOptions(['--prot', '1']),
      '--prot is not an option; did you mean --port?',
    ],
    ['a part of an option', () => parseOptions(['a', '--aspect', '16:9']), 'did you mean --aspect-ratio?'],
    [
      'a name as in a request',
      () => parseOptions(['a', '--negativePrompt=x']),
      'did you mean --negative-prompt?',
    ],
    [
      'an option far from all',
      () => parseUploadOptions(['--xyzzy', 'a']),
      '--xyzzy is not an option. For the options: npm run upload -- --help',
    ],
    ['an option without its value', () => parseUploadOptions(['a.png', '--to']), '--to needs a value.'],
    [
      'an option that is followed by another',
      () => parseStartOptions(['--state', '--port', '1']),
      '--state needs a value.',
    ],
    [
      'a value of an option that takes none',
      () => parseOptions(['a', '--simulate=yes']),
      '--simulate takes no value.',
    ],
    ['an argument', () => parseStartOptions(['8080']), "'8080' is an argument, but only options are read."],
  ])('that is %s is named', (_what, parse, words) => {
    expect(parse).toThrow(words);
  });
});

it('two letters that are swapped are one mistake', () => {
  expect(['rnus', 'prot', 'sede'].map((word) => nearest(word, ['runs', 'port', 'seed']))).toEqual([
    'runs',
    'port',
    'seed',
  ]);
});
