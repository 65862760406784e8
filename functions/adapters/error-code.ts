/** The `code` Google's clients put on what they throw: a gRPC status or an HTTP status, by client. */
export const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
