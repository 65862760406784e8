/**
 * API keys of Clapper's own, for callers without an identity of Google's. A key is an id, which may be seen, and a
 * secret, of which only a hash is kept: `clapper_{id}_{secret}`.
 */
import { z } from 'zod';

/** Each letter is 5 bits: 60 make ids differ, 160 cannot be guessed. */
const KEY = /^clapper_([a-z2-7]{12})_([a-z2-7]{32})$/;
export const KEY_ID_LETTERS = 12;
export const KEY_SECRET_LETTERS = 32;

/**
 * A caller that has keys: never an address or a number, which are what callers with a token of Google's are called, so
 * that no key can pass for one of them, least of all for an operator.
 */
export const callerNameSchema = z
  .string()
  .regex(
    /^[a-z][a-z0-9._-]{0,62}$/,
    'has to be 1 to 63 lower-case letters, digits, dots, hyphens and underscores, and begin with a letter',
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

/** What is said of a key when it is made. */
export type ApiKeyOwner = Pick<ApiKey, 'caller' | 'note' | 'createdAt' | 'createdBy'>;

export interface PresentedKey {
  readonly keyId: string;
  readonly secret: string;
}

/** Nothing where the text is no key of ours, whatever else it may be. */
export function parseKey(text: string): PresentedKey | undefined {
  const [, keyId, secret] = KEY.exec(text) ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
}

export const formatKey = ({ keyId, secret }: PresentedKey): string => `clapper_${keyId}_${secret}`;

/** Revoked once; what was first said of it stays. */
export const revoke = (key: ApiKey, by: string, at: number): ApiKey =>
  key.revoked ? key : { ...key, revoked: { at, by } };
