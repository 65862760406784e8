/** A 5 × 8 bitmap font for printable ASCII, and the conversion of other text to it. */
import type { Picture } from './picture.ts';

/** The eighth row is for descenders. */
export const GLYPH_HEIGHT = 8;
/** Width of a glyph and the gap after it. */
export const ADVANCE = 6;

/** Space to tilde: five columns per glyph as hexadecimal bytes. The lowest bit is the top row. */
const COLUMNS = Buffer.from(
  [
    '0000000000 00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649562050 0005030000',
    '001c224100 0041221c00 2a1c7f1c2a 08083e0808 0080703000 0808080808 0060600000 2010080402',
    '3e5149453e 00427f4000 4261514946 2141454b31 1814127f10 2745454539 3c4a494930 0171090503',
    '3649494936 064949291e 0036360000 0080563600 0814224100 1414141414 0041221408 0201510906',
    '324979413e 7e1111117e 7f49494936 3e41414122 7f4141221c 7f49494941 7f09090901 3e4149497a',
    '7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0408107f 3e4141413e',
    '7f09090906 3e4151215e 7f09192946 4649494931 01017f0101 3f4040403f 1f2040201f 3f4038403f',
    '6314081463 0708700807 6151494543 007f414100 0204081020 0041417f00 0402010204 4040404040',
    '0001020400 2054545478 7f48444438 3844444420 384444487f 3854545418 087e090102 18a4a49c78',
    '7f08040478 00447d4000 4080847d00 7f10284400 00417f4000 7c04180478 7c08040478 3844444438',
    'fc24242418 18242424fc 7c08040408 4854545420 043f444020 3c4040207c 1c2040201c 3c4030403c',
    '4428102844 1ca0a0907c 4464544c44 0008364100 00007f0000 0041360800 0804081008',
  ]
    .join(' ')
    .replaceAll(' ', ''),
  'hex',
);
/** Drawn for every character that the font lacks. */
const MISSING = Buffer.from('7f4141417f', 'hex');

const REPLACEMENTS: Readonly<Record<string, string>> = {
  '‘': "'",
  '’': "'",
  '‚': ',',
  '“': '"',
  '”': '"',
  '„': '"',
  '«': '"',
  '»': '"',
  '‐': '-',
  '‑': '-',
  '–': '-',
  '—': '-',
  '…': '...',
  '•': '*',
  '×': 'x',
  ß: 'ss',
  æ: 'ae',
  Æ: 'AE',
  œ: 'oe',
  Œ: 'OE',
  ø: 'o',
  Ø: 'O',
  ł: 'l',
  Ł: 'L',
  đ: 'd',
  ı: 'i',
};

/**
 * Converts text to the font's characters. Accents and joiners are removed, common punctuation is replaced, and any other
 * character becomes one box (U+FFFD).
 */
export function toDrawable(text: string): string {
  let out = '';
  for (const character of text.normalize('NFKD')) {
    const code = character.codePointAt(0) ?? 0;
    if ((code >= 0x300 && code <= 0x36f) || code === 0x200d || code === 0xfe0f) continue;
    if (code < 0x20 || character === '\u00a0') out += ' ';
    else if (code <= 0x7e) out += character;
    else out += REPLACEMENTS[character] ?? '\ufffd';
  }
  return out;
}

/** Breaks drawable text into lines of at most `columns` characters, at spaces where possible. */
export function wrapText(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').filter((part) => part !== '')) {
    let rest = word;
    if (line !== '' && line.length + 1 + rest.length > columns) {
      lines.push(line);
      line = '';
    }
    while (rest.length > columns) {
      lines.push(rest.slice(0, columns));
      rest = rest.slice(columns);
    }
    line = line === '' ? rest : `${line} ${rest}`;
  }
  return line === '' ? lines : [...lines, line];
}

/** Width of a line in pixels, without the gap after its last character. */
export const textWidth = (text: string, scale: number): number =>
  Math.max(0, text.length * ADVANCE - 1) * scale;

/** Draws one line of text in the given luma. The chroma stays, so the text is tinted by the colour under it. */
export function drawText(
  picture: Picture,
  text: string,
  left: number,
  top: number,
  scale: number,
  luma: number,
): void {
  for (const [position, character] of [...text].entries()) {
    const code = character.charCodeAt(0);
    const glyph =
      code >= 0x20 && code <= 0x7e ? COLUMNS.subarray((code - 0x20) * 5, (code - 0x1f) * 5) : MISSING;
    for (const [column, bits] of glyph.entries()) {
      const x = left + (position * ADVANCE + column) * scale;
      for (let row = 0; row < GLYPH_HEIGHT; row++) {
        if ((bits >> row) & 1) fillLuma(picture, x, top + row * scale, scale, luma);
      }
    }
  }
}

function fillLuma(picture: Picture, left: number, top: number, size: number, luma: number): void {
  for (let y = Math.max(0, top); y < Math.min(picture.rows, top + size); y++) {
    const from = Math.max(0, left);
    picture.y.fill(
      luma,
      y * picture.stride + from,
      y * picture.stride + Math.max(from, Math.min(picture.stride, left + size)),
    );
  }
}
