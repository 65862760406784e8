/** Objects of JSON whose fields are not validated yet. */

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The field if it is an object, else an empty object. */
export function partOf(body: JsonObject | undefined, name: string): JsonObject {
  const part = body?.[name];
  return isObject(part) ? part : {};
}
