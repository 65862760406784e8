/** Fills the templates in the prompts of a request. */
import { defined } from '../defined.ts';
import { type FieldError, invalidRequest } from '../problem.ts';
import type { RequestBody } from './request-body.ts';
import { FILLED_TOO_LONG, fillTemplate } from './template.ts';

/**
 * With `variables`, every prompt is a template.
 * @throws ProblemError 400 for a prompt that is far too long once filled in. Its other errors are unknown then.
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
      errors.push({ field: `variables.${name}`, detail: `is required by ${field}.` });
    for (const fault of filled.faults) errors.push({ field, detail: fault });
    // The template has its own errors. The unfilled prompt avoids a second, misleading one about an empty prompt.
    return filled.missing.length + filled.faults.length > 0 ? template : filled.text;
  };
  const { prompt, negativePrompt, firstFrame, extensions } = body;
  const next: RequestBody = {
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
  for (const name of Object.keys(variables)) {
    if (!used.has(name))
      errors.push({
        field: `variables.${name}`,
        detail: 'is not used in any prompt; remove it or write {name} in a prompt.',
      });
  }
  return next;
}
