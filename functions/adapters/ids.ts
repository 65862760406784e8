/** Ids: random ones, and those that follow from a cause. All are hashes or random, never in sequence (hot ranges). */
import { createHash, randomBytes } from 'node:crypto';
import type { Ids } from '../ports.ts';

/** 26 digits of 5 bits: 130 bits, so that neither chance nor search makes two alike. */
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

// As JSON, so that ['ab', 'c'] and ['a', 'bc'] differ.
const digest = (parts: readonly string[]): Buffer =>
  createHash('sha256').update(JSON.stringify(parts)).digest();

/** The low five bits of each of the first 26 bytes. */
const base32 = (bytes: Buffer): string =>
  Array.from(bytes.subarray(0, ID_DIGITS), (byte) => ALPHABET.charAt(byte & 31)).join('');
