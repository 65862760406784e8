/** The type without optional keys: a value that may be absent is `undefined` instead, and a missing key does not compile. */
export type WithEveryKey<T> = { [K in keyof T]-?: object extends Pick<T, K> ? T[K] | undefined : T[K] };

/** The fields of `source` that have these names. A name that the type of `source` lacks does not compile. */
export function pick<T extends object, K extends keyof T>(
  source: T,
  names: readonly K[],
): WithEveryKey<Pick<T, K>>;
export function pick(source: object, names: readonly PropertyKey[]): object {
  return Object.fromEntries(Object.entries(source).filter(([name]) => names.includes(name)));
}
