/**
 * Reads numbers and booleans from the cells of a table. Notations of other languages are not read, because `8,000` is eight
 * in one language and eight thousand in another; the fault names the value and the likely correction. Text that is no such
 * notation stays text, and is refused with the request.
 */
import { debrisOf } from '../request/spreadsheet-debris.ts';
import { shown } from '../shown.ts';

/** `fault` is the end of a sentence that begins with the field. */
export type CellValue = { readonly value: unknown } | { readonly fault: string };

export function numberOf(text: string): CellValue {
  const number = text.trim();
  if (/^-?\d+(?:\.\d+)?$/.test(number)) return { value: Number(number) };
  // Other text gets the message of its field.
  const hint = debrisOf(text) === undefined ? numberHint(number) : undefined;
  return hint === undefined ? { value: text } : { fault: `is ${shown(text)}; it must be a number: ${hint}.` };
}

/** The likely correction of a number in another notation. */
function numberHint(given: string): string | undefined {
  // Full-width digits become ASCII digits.
  const text = given.normalize('NFKC').replace(/^['\s]+/, '');
  const decimal = /^([+-]?\d+),(\d+)$/.exec(text);
  if (decimal) {
    const [, whole = '', fraction = ''] = decimal;
    const number = plain(`${whole}.${fraction}`);
    return fraction.length === 3 && fraction !== '000'
      ? `write ${number} or ${plain(whole + fraction)}, without the comma`
      : `write ${number}, with a point and not a comma`;
  }
  if (/^[+-]?\d+(?:[.,]\d+)?e[+-]?\d+$/i.test(text))
    return 'a spreadsheet may have rounded it; format the column as a number and write all digits';
  if (/^[+-]?\d{1,3}(?:([,.'’_\s])\d{3})(?:\1\d{3})*$/.test(text))
    return `write ${plain(text.replace(/[^\d+-]/g, ''))}, without separators`;
  const withUnit = /^([+-]?\d+(?:[.,]\d+)?)\s*[\p{L}%"″]+\.?$/u.exec(text)?.[1];
  if (withUnit !== undefined) return `write ${plain(withUnit.replace(',', '.'))}, without the unit`;
  return /^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text) ? `write ${plain(text)}` : undefined;
}

const plain = (text: string): string => String(Number(text));

export function booleanOf(text: string): CellValue {
  const word = text.trim().toLowerCase();
  if (word === 'true' || word === 'false') return { value: word === 'true' };
  const meant = TRUE_WORDS.has(word) ? 'true' : FALSE_WORDS.has(word) ? 'false' : undefined;
  return meant === undefined
    ? { value: text }
    : { fault: `is ${shown(text)}; it must be true or false: write ${meant}.` };
}

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** What spreadsheets in other languages write, and what people write. */
const TRUE_WORDS = words(`
  wahr vrai verdadero verdadeiro vero waar prawda sant sann sandt истина doğru pravda igaz tosi adevărat αληθής 真
  yes y ja oui si sí sim tak да evet ano igen kyllä はい 是 on x 1 t ✓ ✔ ☑`);
const FALSE_WORDS = words(`
  falsch faux falso onwaar fałsz falskt falsk usann ложь yanlış nepravda hamis epätosi fals ψευδής 假
  no n nein non não nee nie нет hayır ne nem ei いいえ 否 off 0 f ✗ ✘ ☐`);
