/**
 * The answer to a request may be lost after the job was created, and a second press of the button must not pay twice.
 * Until an answer arrives, the same body is sent with the same Idempotency-Key, which gives the same job.
 */
export function createIdempotencyKeys(newKey) {
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
