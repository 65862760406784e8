/** Names of uploaded objects: of the error file beside one, of the sidecars of an image, and of the images of a sidecar. */

/** The limit of Cloud Storage, in bytes of UTF-8. */
const NAME_BYTES_MAX = 1024;
const ERROR_SUFFIX = '.error.json';
const HASH_CHARACTERS = 16;

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

export const isErrorFile = (name: string): boolean => name.endsWith(ERROR_SUFFIX);

/**
 * The name of the error file beside an object. A name without room for the suffix loses its end, and gets a hash of the
 * whole name instead, so that two long names have two error files.
 */
export function errorNameOf(name: string, hash: (parts: readonly string[]) => string): string {
  if (bytesOf(name + ERROR_SUFFIX) <= NAME_BYTES_MAX) return name + ERROR_SUFFIX;
  const end = `~${hash(['error-file', name]).slice(0, HASH_CHARACTERS)}${ERROR_SUFFIX}`;
  return `${firstBytes(name, NAME_BYTES_MAX - bytesOf(end))}${end}`;
}

/** The longest beginning of the text that fits into so many bytes of UTF-8. */
function firstBytes(text: string, limit: number): string {
  let bytes = 0;
  let kept = '';
  for (const character of text) {
    bytes += bytesOf(character);
    if (bytes > limit) return kept;
    kept += character;
  }
  return kept;
}

/** Extensions of images that are PNG or JPEG, in the order in which they are looked for. */
const IMAGE_EXTENSIONS = ['png', 'jpg', 'jpeg', 'jfif'];
/** Other spellings of JPEG, and formats of phones, cameras and browsers. Such a file is an image, also if it is refused. */
const OTHER_IMAGE_EXTENSIONS = [
  ...[
    'jpe',
    'jif',
    'pjpeg',
    'pjp',
    'webp',
    'heic',
    'heif',
    'hif',
    'avif',
    'gif',
    'bmp',
    'tif',
    'tiff',
    'jxl',
  ],
  ...['dng', 'cr2', 'cr3', 'nef', 'arw', 'raf', 'rw2', 'orf', 'jp2', 'psd', 'svg', 'ico'],
];
const ALL_IMAGE_EXTENSIONS = new Set([...IMAGE_EXTENSIONS, ...OTHER_IMAGE_EXTENSIONS]);
/** A sidecar without the image's extension may describe these. Also in upper case, as cameras name their files. */
const DESCRIBED_EXTENSIONS = [...IMAGE_EXTENSIONS, 'heic', 'webp'].flatMap((extension) => [
  extension,
  extension.toUpperCase(),
]);

/** `a/cat.v2.PNG` has the stem `a/cat.v2` and the extension `png`. */
export function partsOf(name: string): { readonly stem: string; readonly extension: string } {
  const [, stem = name, extension = ''] = /^(.*[^/])\.([^./]+)$/s.exec(name) ?? [];
  return { stem, extension: extension.toLowerCase() };
}

export const baseOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

export const hasImageExtension = (name: string): boolean => ALL_IMAGE_EXTENSIONS.has(partsOf(name).extension);

/** Names of the images that a sidecar may describe, most likely first. `cat.png.txt` can describe only `cat.png`. */
export function imagesOfSidecar(sidecar: string): readonly string[] {
  const { stem } = partsOf(sidecar);
  return inEveryForm(
    hasImageExtension(stem)
      ? [stem]
      : [...DESCRIBED_EXTENSIONS.map((extension) => `${stem}.${extension}`), stem],
  );
}

/**
 * The names as they are, then composed (NFC) and decomposed (NFD): macOS may decompose the accents of one file and not those
 * of the other. Objects keep the names that they have.
 */
const inEveryForm = (names: readonly string[]): readonly string[] => [
  ...new Set([
    ...names.filter(fits),
    ...(['NFC', 'NFD'] as const).flatMap((form) => names.map((name) => name.normalize(form)).filter(fits)),
  ]),
];

/** Most likely first. Also in upper case, because `CAT.PNG` comes with `CAT.TXT`. */
const SIDECAR_EXTENSIONS = ['json', 'txt', 'JSON', 'TXT'];

/** Names of an image's possible sidecars. The first that exists is used. */
export function sidecarsFor(imageName: string): readonly string[] {
  const { stem } = partsOf(imageName);
  const bases = stem === imageName ? [stem] : [imageName, stem];
  // The content decides: an image may be named cat.txt, and is not its own sidecar.
  const names = bases.flatMap((name) => SIDECAR_EXTENSIONS.map((extension) => `${name}.${extension}`));
  return inEveryForm(names).filter((name) => name !== imageName);
}

/** Cloud Storage answers 400 to a longer name, so that its event would fail at each delivery. */
const fits = (name: string): boolean => bytesOf(name) <= NAME_BYTES_MAX;

/** Whether the file may also be a request: `cat.json` may be one, `cat.png.json` may not. */
export function isAmbiguousSidecar(imageName: string, sidecar: string): boolean {
  const { stem, extension } = partsOf(sidecar);
  return extension === 'json' && !hasImageExtension(stem) && sidecarsFor(imageName).includes(sidecar);
}

const TITLE_MAX = 200;

/** The title of a manifest's batch: the object name. A long name loses its beginning, because the end says more. */
export function titleOf(name: string): string {
  if (name.length <= TITLE_MAX) return name;
  // Do not begin with half of a surrogate pair.
  return `…${name.slice(1 - TITLE_MAX).replace(/^[\uDC00-\uDFFF]/, '')}`;
}
