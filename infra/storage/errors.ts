/**
 * Errors of Cloud Storage. The JSON API and the XML API have different names for the same error, so an error carries both
 * and each API renders its own.
 */

export interface StorageErrorInit {
  /** HTTP status. */
  readonly status: number;
  /** `error.errors[0].reason` of the JSON API. */
  readonly reason: string;
  /** `<Code>` of the XML API. */
  readonly code: string;
  readonly message: string;
  /** Further elements of the XML body, such as `Details`. */
  readonly details?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A response other than success. Any other error that a handler throws is a bug and becomes 500. */
export class StorageError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly code: string;
  readonly details: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(init: StorageErrorInit) {
    super(init.message);
    this.name = 'StorageError';
    this.status = init.status;
    this.reason = init.reason;
    this.code = init.code;
    this.details = init.details ?? {};
    this.headers = init.headers ?? {};
  }
}

export const noSuchBucket = (): StorageError =>
  new StorageError({
    status: 404,
    reason: 'notFound',
    code: 'NoSuchBucket',
    message: 'The specified bucket does not exist.',
  });

export const noSuchObject = (bucket: string, name: string): StorageError =>
  new StorageError({
    status: 404,
    reason: 'notFound',
    code: 'NoSuchKey',
    message: `No such object: ${bucket}/${name}`,
  });

export const notFound = (message = 'Not Found'): StorageError =>
  new StorageError({ status: 404, reason: 'notFound', code: 'NotFound', message });

export const conditionNotMet = (): StorageError =>
  new StorageError({
    status: 412,
    reason: 'conditionNotMet',
    code: 'PreconditionFailed',
    message: 'At least one of the pre-conditions you specified did not hold.',
  });

/** A read whose NotMatch condition failed. The response has no body. */
export const notModified = (): StorageError =>
  new StorageError({ status: 304, reason: 'notModified', code: 'NotModified', message: '' });

export const invalid = (message: string): StorageError =>
  new StorageError({ status: 400, reason: 'invalid', code: 'InvalidArgument', message });

export const required = (name: string): StorageError =>
  new StorageError({
    status: 400,
    reason: 'required',
    code: 'InvalidArgument',
    message: `Required parameter: ${name}`,
  });

export const conflict = (code: string, message: string): StorageError =>
  new StorageError({ status: 409, reason: 'conflict', code, message });

export const rangeNotSatisfiable = (sizeBytes: number): StorageError =>
  new StorageError({
    status: 416,
    reason: 'requestedRangeNotSatisfiable',
    code: 'InvalidRange',
    message: 'Request range not satisfiable',
    headers: { 'content-range': `bytes */${sizeBytes}` },
  });

export const badDigest = (algorithm: string, provided: string, calculated: string): StorageError =>
  new StorageError({
    status: 400,
    reason: 'invalid',
    code: 'BadDigest',
    message: `Provided ${algorithm} "${provided}" doesn't match calculated ${algorithm} "${calculated}".`,
  });

export const methodNotAllowed = (): StorageError =>
  new StorageError({
    status: 405,
    reason: 'methodNotAllowed',
    code: 'MethodNotAllowed',
    message: 'The specified method is not allowed against this resource.',
  });

export const backendError = (message: string): StorageError =>
  new StorageError({ status: 500, reason: 'backendError', code: 'InternalError', message });
