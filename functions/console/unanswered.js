/**
 * An answer may be lost after the job was made. Who presses the button again must not pay again: as long as no answer has
 * come, the same body is sent under the same Idempotency-Key, and is the same job.
 */
export function createUnanswered(newKey) {
  let last;
  return {
    keyOf(body) {
      if (last?.body !== body) last = { body, key: newKey() };
      return last.key;
    },
    answered() {
      last = undefined;
    },
  };
}
