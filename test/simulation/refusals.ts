/** What handlers throw on purpose. By shape, because mutants have classes of their own. */

/** "Not now": the task comes again. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'problem' in error && JSON.stringify(error.problem).includes('"status":429');

/** What was found has changed meanwhile or is gone, and whoever called has to call again. */
export const isAskingAgain = (error: unknown): boolean =>
  error instanceof Error &&
  (error.message.includes('has to come again') || error.constructor.name === 'ObjectMissingError');
