/**
 * aws/aws-cli#1639, droppyjs/droppy#72: macOS decomposes the accents of file names (NFD), other programs compose them (NFC).
 * The names of an image and of its sidecar look the same, and differ in their bytes.
 */
import { describe, expect, it } from 'vitest';
import { imagesOfSidecar, sidecarsFor } from '../../functions/core/batch/upload-names.ts';
import { PNG } from '../support/images.ts';
import { uploadWorld } from '../support/uploads.ts';

const composed = 'uploads/caf\u00e9';
const decomposed = 'uploads/cafe\u0301';

describe.each([
  ['a decomposed sidecar', composed, decomposed],
  ['a composed sidecar', decomposed, composed],
])('%s of an image whose name is in the other form (aws/aws-cli#1639)', (_what, image, sidecar) => {
  it.each([
    ['.txt', '.png', 'it purrs'],
    ['.png.txt', '.png', 'it purrs'],
    ['.json', '.png', '{"prompt": "it purrs"}'],
    ['.jpeg.json', '.jpeg', '{"prompt": "it purrs"}'],
  ])('%s describes %s, in either order, and both keep their names', async (ofSidecar, ofImage, content) => {
    for (const first of ['sidecar', 'image']) {
      const { drop, prompts, errors, uploads, waitInVain } = uploadWorld([
        { prefix: 'uploads/', sidecar: 'required' },
      ]);
      const drops = [() => drop(`${sidecar}${ofSidecar}`, content), () => drop(`${image}${ofImage}`, PNG)];
      for (const each of first === 'sidecar' ? drops : drops.reverse()) await each();
      await waitInVain();
      expect([await prompts(), errors()]).toEqual([['it purrs'], {}]);
      expect([...uploads.objects.keys()]).toEqual(
        expect.arrayContaining([`${sidecar}${ofSidecar}`, `${image}${ofImage}`]),
      );
    }
  });
});

it('a request in JSON beside such an image is its sidecar, and makes no job of its own', async () => {
  const { drop, prompts } = uploadWorld();
  await drop(`${composed}.png`, PNG, '', { prompt: 'it purrs' });
  await drop(`${decomposed}.json`, '{"prompt": "another"}');
  expect(await prompts()).toEqual(['it purrs']);
});

it('a sidecar in the form of the image comes before one in the other form', async () => {
  const { drop, prompts } = uploadWorld([{ prefix: 'uploads/', sidecar: 'required' }]);
  await drop(`${decomposed}.txt`, 'the other form');
  await drop(`${composed}.txt`, 'the same form');
  await drop(`${composed}.png`, PNG);
  expect(await prompts()).toEqual(['the same form']);
});

it('a name without accents is looked for once, and one that is too long in a form is not looked for in that form', () => {
  expect(new Set(sidecarsFor('uploads/cat.png')).size).toBe(8);
  expect(sidecarsFor('uploads/cat.png')).toHaveLength(8);
  const long = `uploads/${'\u00e9'.repeat(500)}`;
  for (const name of [...sidecarsFor(`${long}.png`), ...imagesOfSidecar(`${long}.txt`)])
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(1024);
});
