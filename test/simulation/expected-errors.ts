/** Errors that handlers throw on purpose. Compared by shape, because every mutant has its own error classes. */

/** Another write came between, or an object was deleted: the sender has to deliver the event or the call again. */
export const isRedeliveryRequest = (error: unknown): boolean =>
  error instanceof Error &&
  (/has to be (?:delivered again|retried)/.test(error.message) ||
    error.constructor.name === 'ObjectMissingError');
