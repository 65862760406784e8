/** The prompts of a request that is not validated yet, and their placeholders. */
import { fillTemplate } from '../request/template.ts';
import { isObject, type JsonObject } from './json-object.ts';

function promptsOf({ prompt, negativePrompt, firstFrame, extensions }: JsonObject): string[] {
  const links: readonly unknown[] = Array.isArray(extensions) ? extensions : [];
  return [prompt, negativePrompt, firstFrame, ...links]
    .map((each) => (isObject(each) ? each['prompt'] : each))
    .filter((each) => typeof each === 'string');
}

/** Names of the placeholders in the prompts of these requests. */
export const placeholdersOf = (...bodies: readonly (JsonObject | undefined)[]): Set<string> =>
  new Set(bodies.flatMap((body = {}) => promptsOf(body)).flatMap((text) => [...fillTemplate(text, {}).used]));

/** Names of the placeholders that have no default. */
export const requiredBy = (body: JsonObject): Set<string> =>
  new Set(promptsOf(body).flatMap((text) => fillTemplate(text, {}).missing));
