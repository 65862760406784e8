/** Fills the templates in the prompts of a request. */
import { defined } from '../defined.ts';
import { type FieldError, invalidRequest } from '../problem.ts';
import { fieldOf } from '../shown.ts';
import type { RequestBody } from './request-body.ts';
import { FILLED_TOO_LONG, fillPlaceholders, fillTemplate } from './template.ts';

/**
 * With `variables`, every prompt is a template. Without, a prompt must have no placeholder that has no default: it would be
 * paid for with the braces in it.
 * @throws ProblemError 400 for a prompt that is far too long once filled in. Its other errors are unknown then.
 */
export function fillPrompts(body: RequestBody, errors: FieldError[]): RequestBody {
  const { variables } = body;
  if (!variables) return promptsMapped(body, (field, prompt) => fillWithDefaults(field, prompt, errors));
  const used = new Set<string>();
  const next = promptsMapped(body, (field, template) => {
    const filled = fillTemplate(template, variables);
    if (filled.isTooLong) throw invalidRequest([{ field, detail: FILLED_TOO_LONG }]);
    for (const name of filled.used) used.add(name);
    for (const name of filled.missing)
      errors.push({ field: `variables.${name}`, detail: `is required by ${field}.` });
    for (const fault of filled.faults) errors.push({ field, detail: fault });
    // The template has its own errors. The unfilled prompt avoids a second, misleading one about an empty prompt.
    return filled.missing.length + filled.faults.length > 0 ? template : filled.text;
  });
  for (const name of Object.keys(variables)) {
    if (!used.has(name))
      errors.push({
        field: fieldOf(['variables', name]),
        detail: 'is not used in any prompt; remove it or write {name} in a prompt.',
      });
  }
  return next;
}

function fillWithDefaults(field: string, prompt: string, errors: FieldError[]): string {
  const { text, missing } = fillPlaceholders(prompt);
  for (const name of missing.slice(0, NAMES_MAX)) {
    const shown = name.slice(0, NAME_CHARACTERS_MAX);
    const detail =
      `has the placeholder {${shown}}, for which there is no value: give variables.${shown}, or a default as ` +
      `{${shown}=text}. Braces that belong to the prompt are doubled: {{${shown}}}.`;
    errors.push({ field, detail });
  }
  return text;
}

/** A long prompt may have thousands. */
const NAMES_MAX = 10;
const NAME_CHARACTERS_MAX = 60;

function promptsMapped(body: RequestBody, fill: (field: string, prompt: string) => string): RequestBody {
  const { prompt, negativePrompt, firstFrame, extensions } = body;
  return {
    ...body,
    ...defined({
      prompt: prompt && fill('prompt', prompt),
      negativePrompt: negativePrompt && fill('negativePrompt', negativePrompt),
      firstFrame: firstFrame && {
        ...firstFrame,
        prompt: fill('firstFrame.prompt', firstFrame.prompt),
      },
      extensions: extensions?.map((link, n) =>
        link.prompt === undefined ? link : { ...link, prompt: fill(`extensions.${n}.prompt`, link.prompt) },
      ),
    }),
  };
}
