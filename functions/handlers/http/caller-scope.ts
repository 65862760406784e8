/** What a request says of who asks, for whom, and whether it is asked again. */
import { invalidRequest, ProblemError } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** @throws ProblemError 400 */
export function idempotencyKeyOf(header: string | undefined): string | undefined {
  if (header === undefined || IDEMPOTENCY_KEY.test(header)) return header;
  throw invalidRequest([
    { field: 'Idempotency-Key', detail: 'has to be 1 to 255 printable ASCII characters without spaces.' },
  ]);
}

/** Whose records are listed; nothing stands for everybody's. @throws ProblemError 400 */
export function listedCaller(
  { settings }: Services,
  caller: string,
  asked: string | undefined,
): string | undefined {
  if (asked === undefined || asked === caller) return caller;
  if (settings.operators.includes(caller)) return asked === '*' ? undefined : asked;
  throw invalidRequest([{ field: 'caller', detail: 'may be another one for operators only.' }]);
}

/** @throws ProblemError 401, or 403 for a caller that is no operator */
export async function operatorOf({ callers, settings }: Services, headers: Headers): Promise<string> {
  const caller = await callers.verify(headers);
  if (settings.operators.includes(caller)) return caller;
  throw new ProblemError({
    status: 403,
    code: 'not-an-operator',
    title: 'Only operators may do this',
    detail: `${caller} is not an operator of this deployment; operators are named in CLAPPER_OPERATORS.`,
  });
}
