/** Headers with a caller's credentials, besides `Authorization`. */

export const API_KEY = 'x-goog-api-key';

/** Cloud Run accepts a token here instead of in `Authorization`. With both, it checks this one and forwards the other. */
export const SERVERLESS_AUTHORIZATION = 'x-serverless-authorization';
