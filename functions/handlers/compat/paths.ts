/** Paths of Google's APIs, which put a method behind a colon. */
import { invalidRequest, notFound } from '../../core/problem.ts';

const METHODS = ['predictLongRunning', 'fetchPredictOperation', 'predict', 'generateContent'] as const;
type Method = (typeof METHODS)[number];

/**
 * `{model}:{method}`
 * @throws ProblemError 404 for a method that there is not, 400 for what can be no model's name
 */
export function splitCall(call: string): { readonly model: string; readonly method: Method } {
  const [model = '', name, ...more] = call.split(':');
  const method = METHODS.find((each) => each === name);
  if (!method || more.length > 0) {
    const what = name === undefined ? `models/${call} takes no POST` : `There is no method ${name}`;
    throw notFound(`${what}; there are ${METHODS.join(', ')}.`);
  }
  if (!/^[\w.-]{1,128}$/.test(model)) {
    throw invalidRequest([{ field: 'model', detail: `'${model}' is not the name of a model.` }]);
  }
  return { model, method };
}
