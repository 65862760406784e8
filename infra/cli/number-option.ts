/** Numbers on the command line. */

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  readonly isWhole?: boolean;
}

/** @throws Error naming the option, for what is no such number */
export function numberOf(
  option: string,
  text: string | undefined,
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, isWhole = false }: NumberRange = {},
): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  const isOne = text.trim() !== '' && Number.isFinite(number) && (!isWhole || Number.isInteger(number));
  if (isOne && number >= min && number <= max) return number;
  const from = Number.isFinite(min) ? ` from ${min}` : '';
  const to = Number.isFinite(max) ? ` to ${max}` : Number.isFinite(min) ? ' on' : '';
  throw new Error(`${option} has to be a ${isWhole ? 'whole ' : ''}number${from}${to}, not '${text}'.`);
}

/** Below 1 the models would be slower than Google's, and at 0 everything would happen at once and for ever. */
export const SPEED_UP: NumberRange = { min: 1 };
