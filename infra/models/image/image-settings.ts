/** Checks that Gemini and Imagen share. */
import { invalid } from '../http/google-error.ts';

/** Returns the value if the model supports it; undefined if absent. @throws GoogleError INVALID_ARGUMENT */
export function oneOf(
  model: string,
  what: string,
  value: unknown,
  supported: readonly string[],
): string | undefined {
  if (value === undefined) return undefined;
  const found = supported.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  return invalid(
    `Unsupported ${what} ${JSON.stringify(value)} for model ${model}, supported values are [${supported.join(',')}].`,
  );
}

/** The real models also make JPEG. @throws GoogleError INVALID_ARGUMENT for other types than PNG */
export function checkOutputType(mimeType: unknown): void {
  if (mimeType === undefined || mimeType === 'image/png') return;
  invalid(`Unsupported output MIME type ${JSON.stringify(mimeType)}: this simulation makes image/png only.`);
}
