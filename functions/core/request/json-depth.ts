/** The limit on nested JSON. Code that walks a request recurses, and the call stack is limited. */

/** A request has four levels. Bodies that are passed on to image models have some more. */
const JSON_DEPTH_MAX = 100;

/** The predicate of a sentence whose subject is the field. */
export const TOO_DEEP = `is nested deeper than ${JSON_DEPTH_MAX} levels of lists and objects.`;

interface Level {
  readonly children: readonly unknown[];
  next: number;
}

/** Whether lists and objects are nested deeper than {@link JSON_DEPTH_MAX}. `value` itself counts. */
export function isTooDeep(value: unknown): boolean {
  const path: Level[] = [{ children: [value], next: 0 }];
  for (let level = path.at(-1); level; level = path.at(-1)) {
    if (level.next >= level.children.length) {
      path.pop();
      continue;
    }
    const child = level.children[level.next++];
    if (typeof child !== 'object' || child === null) continue;
    if (path.length > JSON_DEPTH_MAX) return true;
    path.push({ children: Array.isArray(child) ? child : Object.values(child), next: 0 });
  }
  return false;
}
