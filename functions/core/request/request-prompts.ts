/** The prompts of a request as templates. */
import { type FieldError, invalidRequest } from '../problem.ts';
import type { RequestBody } from './request-body.ts';
import { FILLED_TOO_LONG, fillTemplate } from './template.ts';

/**
 * With `variables`, every prompt is a template.
 * @throws ProblemError 400 for one that becomes far too long: what else is wrong with it cannot be said then
 */
export function fillPrompts(body: RequestBody, errors: FieldError[]): RequestBody {
  const { variables } = body;
  if (!variables) return body;
  const used = new Set<string>();
  const fill = (field: string, template: string): string => {
    const filled = fillTemplate(template, variables);
    if (filled.isTooLong) throw invalidRequest([{ field, detail: FILLED_TOO_LONG }]);
    for (const name of filled.used) used.add(name);
    for (const name of filled.missing)
      errors.push({ field: `variables.${name}`, detail: `is needed by ${field}.` });
    for (const fault of filled.faults) errors.push({ field, detail: fault });
    // What is wrong has been said; an empty prompt, or one too short, it is not.
    return filled.missing.length + filled.faults.length > 0 ? template : filled.text;
  };
  const { prompt, negativePrompt, firstFrame, extensions } = body;
  const next: RequestBody = {
    ...body,
    ...(prompt === undefined ? {} : { prompt: fill('prompt', prompt) }),
    ...(negativePrompt === undefined ? {} : { negativePrompt: fill('negativePrompt', negativePrompt) }),
    ...(firstFrame
      ? { firstFrame: { ...firstFrame, prompt: fill('firstFrame.prompt', firstFrame.prompt) } }
      : {}),
    ...(extensions
      ? {
          extensions: extensions.map((link, n) =>
            link.prompt === undefined
              ? link
              : { ...link, prompt: fill(`extensions.${n}.prompt`, link.prompt) },
          ),
        }
      : {}),
  };
  for (const name of Object.keys(variables)) {
    if (!used.has(name)) errors.push({ field: `variables.${name}`, detail: 'is in none of the prompts.' });
  }
  return next;
}
