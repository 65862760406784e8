/** How image models tell that a prompt or a picture was held back, in the words that were observed. */
import { type SafetyCategory, SUPPORT_CODES } from '../safety.ts';

const RESPONSIBLE = "violate Google's Responsible AI practices";
const FEEDBACK = 'If you think this was an error, send feedback.';

/** What Gemini answers in place of a picture: the finish reason and its message. */
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

/** What Gemini answers when it does not even begin. */
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

/** Imagen refuses the call. */
export const imagenPromptBlock = (category: SafetyCategory): string =>
  `Image generation failed with the following error: ${geminiPromptBlock(category).blockReasonMessage}`;

/** What stands in `raiFilteredReason` when `filtered` of `asked` images are held back. */
export function imagenFilterReason(category: SafetyCategory, filtered: number, asked: number): string {
  const cause =
    filtered === asked
      ? "Unable to show generated images. All images were filtered out because they violated Vertex AI's usage guidelines."
      : `Your current safety filter threshold filtered out ${filtered} generated images.`;
  return (
    `${cause} You will not be charged for blocked images. Try rephrasing the prompt. ` +
    `${FEEDBACK} Support codes: ${SUPPORT_CODES[category]}`
  );
}
