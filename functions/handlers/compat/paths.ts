/** Parses the last part of Google's paths, `{model}:{method}`. */
import { invalidRequest, notFound } from '../../core/problem.ts';

const METHODS = ['predictLongRunning', 'fetchPredictOperation', 'predict', 'generateContent'] as const;
type Method = (typeof METHODS)[number];

/**
 * @param call `{model}:{method}`
 * @throws ProblemError 404 for an unknown method, 400 for an invalid model name
 */
export function splitCall(call: string): { readonly model: string; readonly method: Method } {
  const [model = '', name, ...more] = call.split(':');
  const method = METHODS.find((each) => each === name);
  if (!method || more.length > 0) {
    const what =
      name === undefined
        ? `models/${call} does not accept POST`
        : `'${call}' is not {model}:{method} with a known method`;
    throw notFound(`${what}; the methods are ${METHODS.join(', ')}.`);
  }
  checkModelName(model);
  return { model, method };
}

/** @throws ProblemError 400 */
export function checkModelName(model: string): void {
  if (/^[\w.-]{1,128}$/.test(model)) return;
  throw invalidRequest([{ field: 'model', detail: `'${model}' is not a valid model name.` }]);
}
