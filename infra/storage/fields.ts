/** Partial responses: `fields=items(name,size),nextPageToken` keeps only the named fields. */
import { invalid } from './errors.ts';

/** By field name: the selection of its inner fields. An empty selection keeps all. */
interface Selection extends Map<string, Selection> {}

/** Keeps only `fields` of `value`; everything when `fields` is null. Throws 400 for an invalid selector. */
export function selectFields(value: unknown, fields: string | null): unknown {
  if (fields === null || fields.trim() === '') return value;
  const parser = { text: fields.replaceAll(/\s/g, ''), at: 0 };
  const selection = parseList(parser);
  if (parser.at < parser.text.length) throw invalid(`Invalid field selection ${fields}`);
  return select(value, selection);
}

function parseList(parser: { readonly text: string; at: number }): Selection {
  const selection: Selection = new Map();
  for (;;) {
    let into = selection;
    for (;;) {
      const name = /^[\w*-]+/.exec(parser.text.slice(parser.at))?.[0];
      if (name === undefined) throw invalid(`Invalid field selection ${parser.text}`);
      parser.at += name.length;
      const inner: Selection = into.get(name) ?? new Map();
      into.set(name, inner);
      into = inner;
      if (parser.text[parser.at] !== '/') break;
      parser.at++;
    }
    if (parser.text[parser.at] === '(') {
      parser.at++;
      for (const [name, inner] of parseList(parser)) into.set(name, inner);
      if (parser.text[parser.at] !== ')') throw invalid(`Invalid field selection ${parser.text}`);
      parser.at++;
    }
    if (parser.text[parser.at] !== ',') return selection;
    parser.at++;
  }
}

function select(value: unknown, selection: Selection): unknown {
  if (selection.size === 0) return value;
  if (Array.isArray(value)) return value.map((item) => select(item, selection));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).flatMap(([name, inner]): [string, unknown][] => {
    const chosen = selection.get(name) ?? selection.get('*');
    return chosen === undefined ? [] : [[name, select(inner, chosen)]];
  });
  return Object.fromEntries(kept);
}
