/** A sidecar that is refused must not become the prompt of an image that arrives after it. */
import { describe, expect, it } from 'vitest';
import { PNG } from '../support/images.ts';
import { uploadWorld } from '../support/uploads.ts';

const HTML = '<!DOCTYPE html><html><body>403 Forbidden</body></html>';
const RTF = '{\\rtf1\\ansi\\ansicpg1252 it purrs}';

describe.each([
  ['the sidecar, then its image', true],
  ['the image, then its sidecar', false],
])('%s', (_order, isFirst) => {
  it.each([
    [
      'an RTF document',
      'cat.txt',
      RTF,
      'is an RTF document, but its name ends in .txt, as that of a prompt.',
    ],
    ['a web page', 'cat.txt', HTML, 'is an HTML page, but its name ends in .txt'],
    ['a web page', 'cat.png.json', HTML, 'is an HTML page, but its name ends in .json'],
    ['no bytes', 'cat.txt', '', 'is empty: it has 0 bytes. Upload it again with its content.'],
    ['an image in base64', 'cat.txt', PNG.toString('base64'), 'is text, an image in base64.'],
  ])('with %s as %s: makes no job', async (_what, name, content, detail) => {
    const world = uploadWorld([{ prefix: 'uploads/', sidecar: 'required' }]);
    const sidecar = async () => world.drop(`uploads/${name}`, content);
    if (isFirst) await sidecar();
    await world.drop('uploads/cat.png', PNG);
    if (!isFirst) await sidecar();
    await world.waitInVain();
    expect(await world.prompts()).toEqual([]);
    expect(world.errors()['uploads/cat.png.error.json']?.join()).toContain(`uploads/${name}: ${detail}`);
  });
});

it('a prompt that nobody can see is none where the rule requires one', async () => {
  const world = uploadWorld([{ prefix: 'uploads/', prompt: 'required' }]);
  await world.drop('uploads/cat.png', PNG, 'image/png', { prompt: '\u200b' });
  await world.drop('uploads/dog.txt', '\u2800\u200b\n');
  await world.drop('uploads/dog.png', PNG);
  expect(await world.prompts()).toEqual([]);
  expect(Object.keys(world.errors())).toEqual(['uploads/cat.png.error.json', 'uploads/dog.png.error.json']);
});
