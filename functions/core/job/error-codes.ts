/**
 * The error codes of failed jobs (`error.code`), with their meaning. The README lists them; a redrive accepts them as its
 * filter. Codes are stored and never change.
 */
export const ERROR_CODES = {
  INVALID_ARGUMENT: 'The model refused the request.',
  FAILED_PRECONDITION: 'The model refused the request in the state of the project or of an input.',
  NOT_FOUND: 'An input does not exist for the model.',
  MODEL_NOT_FOUND: 'The model does not exist in this project and location.',
  PERMISSION_DENIED: 'The project or the service account may not use the model or an input.',
  UNAUTHENTICATED: 'The credentials of the deployment were refused.',
  RESOURCE_EXHAUSTED: 'The model had no capacity, three times.',
  SERVICE_AGENTS_NOT_READY: 'Vertex AI was still creating the service agents of a new project.',
  UNREACHABLE: 'The provider could not be reached. Only a reason of a waiting job.',
  NOT_READY: 'The call could not be prepared. Only a reason of a waiting job.',
  SAFETY_FILTERED: 'A safety filter withheld the request or every video.',
  DECLINED: 'An image model answered in words instead of with an image.',
  NO_VIDEOS: 'The operation finished without videos and without a reason.',
  PROVIDER_INTERNAL: 'The operation failed with an internal error, three times.',
  PROVIDER_UNAVAILABLE: 'The operation failed because the provider was unavailable, three times.',
  PROVIDER_DEADLINE: 'The operation ran into a deadline of the provider.',
  CANCELLED_BY_PROVIDER: 'The provider cancelled the operation.',
  NOT_SUBMITTED: 'An operator decided that the attempt was not charged, and no attempt is left.',
  OUTCOME_UNKNOWN: 'The paid call got no answer and left no evidence. It may have been charged.',
  RESULT_LOST: 'The attempt was charged, and its result is missing.',
  RESULT_EXPIRED: 'The provider deleted the videos before they were stored.',
  LANDING_FAILED: 'The videos exist, but could not be stored. A retry stores them without another charge.',
  NOT_STARTED_IN_TIME: 'The job was not submitted by its `startBy`.',
  DEADLINE_EXCEEDED: 'The job did not finish by its deadline.',
  FAILED: 'The attempt failed without a reason.',
} as const satisfies Readonly<Record<string, string>>;

/** `PROVIDER_ERROR_n`: the operation failed with google.rpc.Code n, which has no code of its own above. */
const PROVIDER_ERROR = /^PROVIDER_ERROR_\d{1,3}$/;

export const isErrorCode = (text: string): boolean =>
  Object.hasOwn(ERROR_CODES, text) || PROVIDER_ERROR.test(text);
