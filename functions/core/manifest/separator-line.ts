/** Excel's line `sep=;` above the header of a CSV file, which names the delimiter. */
import { shown } from '../shown.ts';
import { afterLineEnd, lineEndFrom } from './line-ends.ts';

/** Longer than any such line, also with the empty cells of a wide table behind it. */
const LINE_BYTES_MAX = 1024;

/** A tab is also written as `\t`. Programs that treat the line as a record add quotes and empty cells. */
const SEPARATOR_LINE = /^"?sep=(\\t|[^"]?)"?(.*)$/iu;

/** One byte that is neither a letter, a digit nor a quote. */
const DELIMITER = /^[\t\x21-\x7e]$/;
const NO_DELIMITER = /^[\w"]$/;

/** `end` is where the header begins. Undefined if the file has no such line. */
export function separatorLineOf(
  head: Uint8Array,
  from: number,
): { readonly delimiter: string; readonly end: number } | { readonly fault: string } | undefined {
  const bytes = head.subarray(from, from + LINE_BYTES_MAX);
  const lineEnd = lineEndFrom(bytes, 0);
  if (lineEnd < 0) return undefined;
  const line = new TextDecoder().decode(bytes.subarray(0, lineEnd));
  const [, named, rest] = SEPARATOR_LINE.exec(line) ?? [];
  if (named === undefined || rest === undefined) return undefined;
  const delimiter = named === '\\t' ? '\t' : named;
  if ([...rest].some((character) => character !== delimiter && character.trim() !== '')) return undefined;
  if (!DELIMITER.test(delimiter) || NO_DELIMITER.test(delimiter)) {
    return { fault: `names a separator in line 1, ${shown(line)}, that is not one of , ; | or a tab.` };
  }
  const end = afterLineEnd(bytes, lineEnd, true);
  return { delimiter, end: from + end };
}

/** Whether a record is such a line again, as where two files were joined. */
export const isSeparatorRecord = ([first = '', ...others]: readonly string[]): boolean =>
  /^sep=(?:\\t|\W?)$/i.test(first.trim()) && others.every((value) => value.trim() === '');
