/** The reply of a handler: bytes to send, or a connection failure. */
import { type ErrorDetail, type GoogleError, statusOfHttpCode } from './google-error.ts';

export interface SentReply {
  readonly kind: 'send';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export type Reply =
  | SentReply
  /** The server never replies; the connection stays open. */
  | { readonly kind: 'hang' }
  /** The connection is reset. */
  | { readonly kind: 'reset' }
  /** The server sends the headers and the first `sentBytes` of the body, then closes the connection. */
  | { readonly kind: 'truncated'; readonly reply: SentReply; readonly sentBytes: number };

const JSON_TYPE = 'application/json; charset=UTF-8';

export const jsonReply = (
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): SentReply => ({
  kind: 'send',
  status,
  headers: { 'content-type': JSON_TYPE, ...headers },
  body: Buffer.from(`${JSON.stringify(value, null, 2)}\n`),
});

export const bytesReply = (
  body: Buffer,
  contentType: string,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): SentReply => ({ kind: 'send', status, headers: { 'content-type': contentType, ...headers }, body });

export function errorReply(
  code: number,
  message: string,
  details: readonly ErrorDetail[] = [],
  headers: Readonly<Record<string, string>> = {},
): SentReply {
  const error = { code, message, status: statusOfHttpCode(code), ...(details.length > 0 && { details }) };
  return jsonReply({ error }, code, headers);
}

export const refusalReply = (error: GoogleError): SentReply =>
  errorReply(error.code, error.message, error.details);
