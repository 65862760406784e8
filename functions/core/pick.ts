/** The fields of `source` that have these names. A name that the type of `source` lacks does not compile. */
export function pick<T extends object, K extends keyof T>(source: T, names: readonly K[]): Pick<T, K>;
export function pick(source: object, names: readonly PropertyKey[]): object {
  return Object.fromEntries(Object.entries(source).filter(([name]) => names.includes(name)));
}
