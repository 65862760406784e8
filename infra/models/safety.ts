/** The messages of safety filters and failed operations, as observed on the real services. */
import type { Surface } from './catalogue.ts';

/** The first documented support code of each category. */
export const SUPPORT_CODES = {
  child: 58061214,
  celebrity: 15236754,
  general: 42237218,
  dangerous: 62263041,
  hate: 57734940,
  prohibited: 89371032,
  'third-party': 35561574,
  sexual: 90789179,
  toxic: 78610348,
  violence: 61493863,
  vulgar: 32635315,
} as const;

export type SafetyCategory = keyof typeof SUPPORT_CODES;

/** The entry of `raiMediaFilteredReasons` when the filter removes `filtered` of `requested` videos. */
export function filterReason(
  surface: Surface,
  category: SafetyCategory,
  filtered: number,
  requested: number,
): string {
  if (surface === 'developer') {
    return category === 'celebrity'
      ? "Sorry, we can't create videos with real people's names or likenesses. " +
          'Please remove the celebrity reference and try again.'
      : 'We encountered an issue with the audio for your prompt, which means we could not create your video. ' +
          'This can sometimes happen due to our safety filters or other processing issues. ' +
          'Please modify your request and try again. You have not been charged for this attempt.';
  }
  const cause =
    filtered === requested
      ? `Veo could not generate ${filtered} videos based on the prompt provided. ` +
        'You will not be charged for this request.'
      : `${filtered} videos were filtered out because they violated Vertex AI's usage guidelines. ` +
        'You will not be charged for blocked videos.';
  return (
    `${cause} Try rephrasing the prompt. If you think this was an error, send feedback. ` +
    `Support codes: ${SUPPORT_CODES[category]}`
  );
}

const OPERATION_ERRORS: Readonly<Record<number, string>> = {
  1: 'The operation was cancelled.',
  3:
    "The prompt could not be submitted. This prompt contains sensitive words that violate Google's Responsible AI " +
    'practices. Try rephrasing your prompt, or contact your Google representative to request allowlisting. ' +
    'Support codes: 58061214',
  4: 'Deadline exceeded.',
  5: 'Requested entity was not found.',
  7: 'The caller does not have permission.',
  8: 'Resource has been exhausted (e.g. check quota).',
  9: 'Precondition check failed.',
  13:
    'Video generation failed due to an internal server issue. Please try again in a few minutes. ' +
    'If the problem persists, please contact support.',
  14: 'The service is currently unavailable.',
};

/** The message of an operation that fails with this google.rpc code. */
export const operationErrorMessage = (code: number): string => OPERATION_ERRORS[code] ?? `Error ${code}.`;
