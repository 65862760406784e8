/** Random ids and ids that derive from a cause. Sequential ids would create hot ranges in Firestore. */
import { createHash, randomBytes } from 'node:crypto';
import { KEY_ID_LETTERS, KEY_SECRET_LETTERS, type PresentedKey } from '../core/access/api-key.ts';
import type { Ids } from '../ports.ts';

/** 26 digits of 5 bits are 130 bits: collisions are impossible in practice, by chance or by search. */
const ID_DIGITS = 26;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

export function createIds(): Ids {
  return {
    newJobId: () => `job_${base32(randomBytes(ID_DIGITS))}`,
    newAttemptId: () => `att_${base32(randomBytes(ID_DIGITS))}`,
    jobIdOf: (cause) => `job_${base32(digest(['job', ...cause]))}`,
    hash: (parts) => base32(digest(parts)),
    random: Math.random,
  };
}

export const newApiKey = (): PresentedKey => ({
  keyId: base32(randomBytes(KEY_ID_LETTERS), KEY_ID_LETTERS),
  secret: base32(randomBytes(KEY_SECRET_LETTERS), KEY_SECRET_LETTERS),
});

/** Secrets have 160 random bits and cannot be guessed, so the hash needs neither a salt nor a slow function. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

// As JSON, so that ['ab', 'c'] and ['a', 'bc'] differ.
const digest = (parts: readonly string[]): Buffer =>
  createHash('sha256').update(JSON.stringify(parts)).digest();

/** The low five bits of each of the first bytes. */
const base32 = (bytes: Buffer, digits = ID_DIGITS): string =>
  Array.from(bytes.subarray(0, digits), (byte) => ALPHABET.charAt(byte & 31)).join('');
