/** Which caller a request acts for, and which callers are operators. */
import { invalidRequest, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';

/** Returns the caller whose records are listed; nothing for all callers. @throws ProblemError 400 */
export function listedCaller(
  { settings }: Services,
  caller: string,
  requested: string | undefined,
): string | undefined {
  if (requested === undefined || requested === caller) return caller;
  if (settings.operators.includes(caller)) return requested === '*' ? undefined : requested;
  throw invalidRequest([
    { field: 'caller', detail: `is '${requested}'; only operators may list the records of other callers.` },
  ]);
}

/** @returns the caller's name @throws ProblemError 401, or 403 if the caller is not an operator */
export async function operatorOf({ callers, settings }: Services, headers: Headers): Promise<string> {
  const caller = await callers.verify(headers);
  if (settings.operators.includes(caller)) return caller;
  throw new ProblemError({
    status: 403,
    code: 'not-an-operator',
    title: 'Only operators may do this',
    detail: `${caller} is not an operator of this deployment; CLAPPER_OPERATORS lists the operators.`,
  });
}
