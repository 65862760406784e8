/** How deep JSON may be nested. What walks a request does so by recursion, and every stack has an end. */

/** A request has four levels; what is passed on to image models has some more. */
const JSON_DEPTH_MAX = 100;

/** A sentence without its subject. */
export const TOO_DEEP = `is nested deeper than ${JSON_DEPTH_MAX} levels of lists and objects.`;

interface Level {
  readonly children: readonly unknown[];
  next: number;
}

/** Whether lists and objects stand inside each other more than {@link JSON_DEPTH_MAX} deep, `value` itself counted. */
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
