/** Parses numeric options of the command line. */

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  readonly isWhole?: boolean;
}

/** @throws Error that names the option and the value when it is not a number in the range */
export function numberOf(
  option: string,
  text: string | undefined,
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, isWhole = false }: NumberRange = {},
): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  const isValid = text.trim() !== '' && Number.isFinite(number) && (!isWhole || Number.isInteger(number));
  if (isValid && number >= min && number <= max) return number;
  const from = Number.isFinite(min) ? ` from ${min}` : '';
  const to = Number.isFinite(max) ? ` to ${max}` : Number.isFinite(min) ? ' upwards' : '';
  throw new Error(`${option} must be a ${isWhole ? 'whole ' : ''}number${from}${to}, not '${text}'.`);
}

/** Below 1 the models would be slower than Google's. At 0 intervals would be infinite, and such timers fire at once. */
export const SPEED_UP: NumberRange = { min: 1 };
