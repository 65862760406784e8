/** hashicorp/vault#18248: an object name that is within the limit, and too long with a suffix. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PNG } from '../support/images.ts';
import { uploadWorld } from '../support/uploads.ts';

const LIMIT = 1024;
const named = (bytes: number, end: string): string => `uploads/${'x'.repeat(bytes - 8 - end.length)}${end}`;

/** Fails like Cloud Storage for a name that is too long. */
function strictWorld(rules?: readonly unknown[]) {
  const made = uploadWorld(rules);
  const { uploads } = made;
  const { head, write } = uploads;
  const check = (name: string): void => {
    if (Buffer.byteLength(name) > LIMIT)
      throw new Error(`400: the name has ${Buffer.byteLength(name)} bytes`);
  };
  uploads.head = async (name, generation) => {
    check(name);
    return head.call(uploads, name, generation);
  };
  uploads.write = async (name, ...rest) => {
    check(name);
    return write.call(uploads, name, ...rest);
  };
  return made;
}

describe('hashicorp/vault#18248: an upload whose name has no room for .error.json', () => {
  it('is refused once, under a shorter name that a repeated event finds again', async () => {
    const { uploads, deliver, errors } = strictWorld();
    const event = uploads.drop(named(1020, '.heic'), 'no image');
    await deliver(event);
    const [errorName = '', ...others] = Object.keys(errors());
    expect(others).toEqual([]);
    expect(Buffer.byteLength(errorName)).toBeLessThanOrEqual(LIMIT);
    expect(errorName).toMatch(/^uploads\/x+~[\w-]{16}\.error\.json$/);
    expect(uploads.json(errorName)).toMatchObject({ object: `gs://in/${named(1020, '.heic')}` });
    const written = uploads.objects.get(errorName)?.generation;
    await deliver(event);
    expect(uploads.objects.get(errorName)?.generation).toBe(written);
  });

  it('has another error file than an upload whose name differs only at its end', async () => {
    const { drop, errors } = strictWorld();
    await drop(named(1024, '.bmp'), 'no image');
    await drop(named(1024, '.gif'), 'no image');
    expect(Object.keys(errors())).toHaveLength(2);
  });

  it('becomes its job once it is corrected, and the error file is removed', async () => {
    const { drop, errors, prompts } = strictWorld();
    const name = named(1022, '.png');
    await drop(name, 'no image');
    expect(Object.keys(errors())).toHaveLength(1);
    await drop(name, PNG, '', { prompt: 'it purrs' });
    expect(await prompts()).toEqual(['it purrs']);
    expect(errors()).toEqual({});
  });

  it('becomes a job without looking for sidecars whose names would be too long', async () => {
    for (const rule of [{}, { sidecar: 'required' }]) {
      const { drop, waitInVain, errors, prompts } = strictWorld([{ prefix: 'uploads/', ...rule }]);
      await drop(named(1024, '.png'), PNG);
      await waitInVain();
      expect((await prompts()).length + Object.keys(errors()).length).toBe(1);
    }
  });

  it('never fails at every delivery, whatever the length of the name and the kind of the file', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1000, max: LIMIT }),
        fc.constantFrom('.png', '.txt', '.json', '.csv', '.heic', '', '.png.json', '.jfif'),
        fc.constantFrom<string | Uint8Array>(PNG, 'text', '', '{"prompt":"x"}'),
        fc.constantFrom('optional', 'required'),
        async (bytes, end, content, sidecar) => {
          const { drop, waitInVain } = strictWorld([{ prefix: 'uploads/', sidecar }]);
          await drop(named(bytes, end), content);
          await waitInVain();
        },
      ),
      { numRuns: 150 },
    );
  });
});
