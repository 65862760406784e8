/** The `code` of an error of Google's clients: a gRPC status or an HTTP status, depending on the client. */
export const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
