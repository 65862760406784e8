/** Random values, documents and writes that often collide: few names, few fields, edge-case values. */
import type { Random } from './random.ts';

export type WireValue = Readonly<Record<string, unknown>>;

export const PROJECT = 'projects/differential/databases/(default)';
export const DOCUMENTS = `${PROJECT}/documents`;

export const FIELDS = ['a', 'b', 'c', 'm', 'm.k', 'm.k.z', 'm.`sp ace`', 'list', '`0`'] as const;
/** Not used in queries, because server timestamps differ between servers. */
const SERVER_TIME_FIELD = 'at';

const IDS = ['d1', 'd2', 'd10', 'D1', '__id7__', '__id12__', 'é', '😀', '\uffef', 'x y', 'zz'] as const;
export const COLLECTIONS = ['c', 'd', 'c/d1/c', 'c/d2/sub', 'd/missing/sub'] as const;

export const randomName = (random: Random): string =>
  `${DOCUMENTS}/${random.pick(COLLECTIONS)}/${random.pick(IDS)}`;

const integer = (n: bigint | number): WireValue => ({ integerValue: String(n) });
const double = (n: number): WireValue => ({ doubleValue: n });
const text = (stringValue: string): WireValue => ({ stringValue });

const SCALARS: readonly WireValue[] = [
  { nullValue: 'NULL_VALUE' },
  { booleanValue: true },
  { booleanValue: false },
  ...[-1, 0, 1, 2, 3].map(integer),
  integer(2n ** 53n),
  integer(2n ** 53n + 1n),
  integer(2n ** 63n - 1n),
  integer(-(2n ** 63n)),
  ...[-1.5, -0, 0, 1, 1.5, 2 ** 53, 2 ** 63, Number.NaN, Infinity, -Infinity, 5e-324].map(double),
  { timestampValue: { seconds: '1', nanos: 0 } },
  { timestampValue: { seconds: '1', nanos: 1000 } },
  { timestampValue: { seconds: '-5', nanos: 999_999_999 } },
  ...['', 'a', 'ab', 'b', 'é', '😀', '\uffef', 'Z'].map(text),
  { bytesValue: Buffer.alloc(0) },
  { bytesValue: Buffer.from([0, 255]) },
  { bytesValue: Buffer.from([128]) },
  { referenceValue: `${DOCUMENTS}/c/d1` },
  { referenceValue: `${DOCUMENTS}/c/d1/c/d1` },
  { referenceValue: `${DOCUMENTS}/c/__id7__` },
  { geoPointValue: { latitude: 1, longitude: 2 } },
  { geoPointValue: { latitude: -1, longitude: 2 } },
  { geoPointValue: { latitude: 1, longitude: -2 } },
];

/** Mostly small numbers and strings, sometimes any value. */
export function randomValue(random: Random, depth = 0): WireValue {
  const kind = random.next();
  if (kind < 0.35) return integer(random.below(4));
  if (kind < 0.45) return text(random.pick(['a', 'b', 'c']));
  if (kind < 0.75 || depth > 1) return random.pick(SCALARS);
  if (kind < 0.86) return { arrayValue: { values: randomElements(random, depth) } };
  if (kind < 0.89)
    return {
      mapValue: {
        fields: {
          __type__: text('__vector__'),
          value: {
            arrayValue: { values: random.times(1 + random.below(3), () => double(random.below(3) / 2)) },
          },
        },
      },
    };
  return { mapValue: { fields: randomFields(random, ['k', 'z', 'sp ace', 'a'], depth + 1) } };
}

const randomElements = (random: Random, depth = 0): WireValue[] =>
  random
    .times(random.below(4), () => randomValue(random, depth + 1))
    // Arrays and vectors are not allowed in arrays. The refusal has its own test.
    .filter((value) => !('arrayValue' in value) && !JSON.stringify(value).includes('__vector__'));

function randomFields(random: Random, names: readonly string[], depth = 0): Record<string, WireValue> {
  const fields: Record<string, WireValue> = {};
  for (const name of names) if (random.chance(0.6)) fields[name] = randomValue(random, depth);
  return fields;
}

const documentFields = (random: Random): Record<string, WireValue> => ({
  ...randomFields(random, ['a', 'b', 'c', 'list', '0']),
  ...(random.chance(0.6) ? { m: { mapValue: { fields: randomFields(random, ['k', 'sp ace'], 1) } } } : {}),
  ...(random.chance(0.3) ? { list: { arrayValue: { values: randomElements(random) } } } : {}),
});

/** How to build a write's precondition. Update times differ between servers. */
export type RandomPrecondition = 'none' | 'exists' | 'missing' | 'current' | 'stale';

export interface RandomWrite {
  readonly name: string;
  /** A Write message without its precondition. */
  readonly write: object;
  readonly precondition: RandomPrecondition;
}

export function randomWrite(random: Random): RandomWrite {
  const name = randomName(random);
  const precondition = random.chance(0.75)
    ? 'none'
    : random.pick(['exists', 'missing', 'current', 'stale'] as const);
  return { name, write: randomWriteMessage(random, name), precondition };
}

function randomWriteMessage(random: Random, name: string): object {
  const kind = random.next();
  if (kind < 0.15) return { delete: name };
  const update = { name, fields: documentFields(random) };
  const updateTransforms = random.chance(0.3)
    ? random.times(1 + random.below(2), () => randomTransform(random))
    : [];
  if (kind < 0.6) return { update, updateTransforms };
  if (kind < 0.9)
    return {
      update,
      updateTransforms,
      updateMask: { fieldPaths: random.times(random.below(4), () => random.pick(FIELDS)) },
    };
  return {
    transform: {
      document: name,
      fieldTransforms: random.times(1 + random.below(3), () => randomTransform(random)),
    },
  };
}

function randomTransform(random: Random): object {
  const fieldPath = random.pick(FIELDS);
  const operand = random.chance(0.8)
    ? random.pick([...[-1, 1, 2].map(integer), integer(2n ** 63n - 1n), ...[0.5, -0, Number.NaN].map(double)])
    : randomValue(random);
  switch (random.below(6)) {
    case 0:
      return { fieldPath, increment: operand };
    case 1:
      return { fieldPath, maximum: operand };
    case 2:
      return { fieldPath, minimum: operand };
    case 3:
      return { fieldPath, appendMissingElements: { values: randomElements(random) } };
    case 4:
      return { fieldPath, removeAllFromArray: { values: randomElements(random) } };
    default:
      return { fieldPath: SERVER_TIME_FIELD, setToServerValue: 'REQUEST_TIME' };
  }
}
