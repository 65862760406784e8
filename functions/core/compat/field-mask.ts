/** `fields=` of Google's APIs, a partial response: `name,done`, `response/videos(uri)`, `models.name`, `*`. */

/** The selected fields, each with the selection below it. A field without one is selected whole. */
export interface FieldMask {
  readonly [field: string]: FieldMask | undefined;
}

const TOKEN = /\s*(?:([\w@$-]+|\*)|([,/.()]))\s*/y;

/** A mask nests as deep as its parentheses and slashes; no answer has more levels than this. */
const DEPTH_MAX = 50;

/** @returns nothing if the text is not a selection of fields */
export function parseFieldMask(text: string): FieldMask | undefined {
  const tokens: string[] = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
    const [, name, mark] = TOKEN.exec(text) ?? [];
    const token = name ?? mark;
    if (token === undefined) return undefined;
    tokens.push(token);
  }
  let at = 0;
  let isValid = true;

  function list(depth: number): FieldMask {
    const mask = new Map<string, FieldMask | undefined>();
    for (;;) {
      add(mask, item(depth));
      if (tokens[at] !== ',') return Object.fromEntries(mask);
      at++;
    }
  }

  function item(depth: number): readonly [string, FieldMask | undefined] {
    const name = tokens[at++] ?? '';
    if (!/^[\w@$*-]/.test(name) || depth > DEPTH_MAX) {
      isValid = false;
      return ['', undefined];
    }
    const mark = tokens[at];
    if (mark === '/' || mark === '.') {
      at++;
      const [inner, below] = item(depth + 1);
      return [name, { [inner]: below }];
    }
    if (mark !== '(') return [name, undefined];
    at++;
    const below = list(depth + 1);
    if (tokens[at++] !== ')') isValid = false;
    return [name, below];
  }

  const mask = list(0);
  return isValid && at === tokens.length ? mask : undefined;
}

/** A field that is selected twice is the union; whole wins. */
function add(
  mask: Map<string, FieldMask | undefined>,
  [name, below]: readonly [string, FieldMask | undefined],
): void {
  const earlier = mask.get(name);
  if (!mask.has(name) || below === undefined) mask.set(name, below);
  else if (earlier !== undefined) {
    const union = new Map(Object.entries(earlier));
    for (const entry of Object.entries(below)) add(union, entry);
    mask.set(name, Object.fromEntries(union));
  }
}

/** The selected fields of a JSON value. A field that the value does not have is left out, as is an object without any. */
export function selectFields(value: unknown, mask: FieldMask): unknown {
  if (Array.isArray(value)) return value.map((each) => selectFields(each, mask));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]): [string, unknown][] => {
      const key = Object.hasOwn(mask, name) ? name : '*';
      if (!Object.hasOwn(mask, key)) return [];
      const below = mask[key];
      return [[name, below === undefined ? inner : selectFields(inner, below)]];
    }),
  );
}
