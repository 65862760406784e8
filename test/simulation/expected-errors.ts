/** Errors that handlers throw on purpose. Compared by shape, because every mutant has its own error classes. */

/** Rate limited: Cloud Tasks delivers the task again. */
export const isRateLimited = (error: unknown): boolean =>
  error instanceof Error && 'problem' in error && JSON.stringify(error.problem).includes('"status":429');

/** Another write came between, or an object was deleted: the sender has to deliver the event or the call again. */
export const isRedeliveryRequest = (error: unknown): boolean =>
  error instanceof Error &&
  (/has to be (?:delivered again|retried)/.test(error.message) ||
    error.constructor.name === 'ObjectMissingError');
