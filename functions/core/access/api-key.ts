/**
 * Clapper's own API keys, for callers without a Google identity. A key has a public id, and a secret of which only a hash is
 * stored: `clapper_{id}_{secret}`.
 */
import { z } from 'zod';

/** Each letter has 5 bits: 60 bits make ids unique, and 160 bits cannot be guessed. */
const KEY = /^clapper_([a-z2-7]{12})_([a-z2-7]{32})$/;
export const KEY_ID_LETTERS = 12;
export const KEY_SECRET_LETTERS = 32;

/**
 * The name of a caller with API keys. It cannot be an email address or a number: those are the names of callers with a
 * Google token, and a key must not impersonate one of them, such as an operator.
 */
export const callerNameSchema = z
  .string()
  .regex(
    /^[a-z][a-z0-9._-]{0,62}$/,
    'must be 1 to 63 lower-case letters, digits, dots, hyphens and underscores, and begin with a letter',
  );

export const apiKeySchema = z.strictObject({
  keyId: z.string(),
  caller: callerNameSchema,
  note: z.string().optional(),
  secretHash: z.string(),
  createdAt: z.number(),
  createdBy: z.string(),
  revoked: z.strictObject({ at: z.number(), by: z.string() }).optional(),
});
export type ApiKey = z.infer<typeof apiKeySchema>;

/** The details of a key that are set when it is created. */
export type ApiKeyOwner = Pick<ApiKey, 'caller' | 'note' | 'createdAt' | 'createdBy'>;

export interface PresentedKey {
  readonly keyId: string;
  readonly secret: string;
}

/** @returns undefined if the text is not a Clapper API key */
export function parseKey(text: string): PresentedKey | undefined {
  const [, keyId, secret] = KEY.exec(text) ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
}

export const formatKey = ({ keyId, secret }: PresentedKey): string => `clapper_${keyId}_${secret}`;

/** Revoking a key again does not change who revoked it first, and when. */
export const revoke = (key: ApiKey, by: string, at: number): ApiKey =>
  key.revoked ? key : { ...key, revoked: { at, by } };
