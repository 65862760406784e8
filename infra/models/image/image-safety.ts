/** The messages with which image models report a blocked prompt or image, as observed. */
import { type SafetyCategory, SUPPORT_CODES } from '../safety.ts';

const RESPONSIBLE = "violate Google's Responsible AI practices";
const FEEDBACK = 'If you think this was an error, send feedback.';

/** The finish reason and message that Gemini returns in place of a blocked image. */
export function geminiOutputBlock(category: SafetyCategory): {
  readonly finishReason: string;
  readonly finishMessage: string;
} {
  const isProhibited = category === 'prohibited' || category === 'child';
  return {
    finishReason: isProhibited ? 'IMAGE_PROHIBITED_CONTENT' : 'IMAGE_SAFETY',
    finishMessage:
      `The model output could not be generated. This output contains sensitive words that ${RESPONSIBLE}. ` +
      `${FEEDBACK} Support code: ${SUPPORT_CODES[category]}.`,
  };
}

/** The block reason and message that Gemini returns for a blocked prompt. */
export function geminiPromptBlock(category: SafetyCategory): {
  readonly blockReason: string;
  readonly blockReasonMessage: string;
} {
  const isProhibited = category === 'prohibited' || category === 'child';
  return {
    blockReason: isProhibited ? 'PROHIBITED_CONTENT' : 'SAFETY',
    blockReasonMessage:
      `The prompt could not be submitted. This prompt contains sensitive words that ${RESPONSIBLE}. ` +
      `Try rephrasing the prompt. ${FEEDBACK} Support codes: ${SUPPORT_CODES[category]}`,
  };
}

/** The error message with which Imagen rejects a call whose prompt is blocked. */
export const imagenPromptBlock = (category: SafetyCategory): string =>
  `Image generation failed with the following error: ${geminiPromptBlock(category).blockReasonMessage}`;

/** The `raiFilteredReason` when the filter removes `filtered` of `requested` images. */
export function imagenFilterReason(category: SafetyCategory, filtered: number, requested: number): string {
  const cause =
    filtered === requested
      ? "Unable to show generated images. All images were filtered out because they violated Vertex AI's usage guidelines."
      : `Your current safety filter threshold filtered out ${filtered} generated images.`;
  return (
    `${cause} You will not be charged for blocked images. Try rephrasing the prompt. ` +
    `${FEEDBACK} Support codes: ${SUPPORT_CODES[category]}`
  );
}
