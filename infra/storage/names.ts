/** Validation of bucket and object names, and their listing order. */
import { invalid } from './errors.ts';

export function checkBucketName(name: string): void {
  const wellFormed = /^[a-z0-9][a-z0-9._-]*[a-z0-9]$/.test(name);
  const labels = name.split('.');
  const sized = name.length >= 3 && name.length <= 222 && labels.every((l) => l.length > 0 && l.length <= 63);
  const reserved = name.startsWith('goog') || name.includes('google') || /^\d+(\.\d+){3}$/.test(name);
  if (!wellFormed || !sized || reserved) throw invalid(`Invalid bucket name: '${name}'`);
}

export function checkObjectName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0) throw invalid('The object name must not be empty.');
  if (bytes > 1024) throw invalid('The maximum object length is 1024 characters, but got a name with more.');
  if (/[\r\n]/.test(name)) throw invalid('Disallowed unicode characters present in object name.');
  if (name === '.' || name === '..' || name.startsWith('.well-known/acme-challenge/'))
    throw invalid(`Invalid object name: '${name}'`);
}

/** Compares by UTF-8 bytes, the order of listings. JavaScript's own order differs for surrogate pairs. */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

/** Surrogates encode code points above U+FFFF, so they rank after every other code unit. */
const codePointRank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
