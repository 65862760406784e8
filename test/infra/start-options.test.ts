import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../infra/cli/generate-options.ts';
import { parseStartOptions } from '../../infra/cli/start-options.ts';

describe('the command line of start', () => {
  it('accepts every option and has a default for each', () => {
    expect(parseStartOptions([])).toMatchObject({ port: 8080, stateDir: '.clapper', speedUp: undefined });
    const args = '--port 0 --state s --speed-up 2.5 --seed 7 --schedules f.json'.split(' ');
    expect(parseStartOptions(args)).toEqual({
      ...{ port: 0, stateDir: 's', speedUp: 2.5, seed: 7, schedulesFile: 'f.json' },
    });
    expect(parseStartOptions(['--help'])).toBe('help');
  });

  it('names the option whose value is not a number in its range', () => {
    for (const port of ['abc', '65536', '-1', '80.5', ''])
      expect(() => parseStartOptions([`--port=${port}`])).toThrow(
        '--port must be a whole number from 0 to 65535',
      );
    for (const speedUp of ['abc', '0', '0.5', '-3', 'Infinity', ' ']) {
      expect(() => parseStartOptions([`--speed-up=${speedUp}`])).toThrow(
        '--speed-up must be a number from 1 upwards',
      );
      expect(() => parseOptions(['a cat', `--speed-up=${speedUp}`])).toThrow('--speed-up');
    }
    expect(() => parseStartOptions(['--seed=x'])).toThrow('--seed');
  });

  it('rejects unknown options and arguments', () => {
    expect(() => parseStartOptions(['--bogus'])).toThrow('--bogus');
    expect(() => parseStartOptions(['extra'])).toThrow('extra');
  });
});
