/** Names of the headers in which callers show who they are, besides `Authorization`. */

export const API_KEY = 'x-goog-api-key';

/** Where a token for Cloud Run can be instead of `Authorization`. With both, this one is checked and the other passed on as it is. */
export const SERVERLESS_AUTHORIZATION = 'x-serverless-authorization';
