/** Origins of web pages: `https://app.example.com`, `http://localhost:*` for every port of a host, or `*` for all. */

const HOST = /^https?:\/\/(?:[\w-]+(?:\.[\w-]+)*|\[[\da-f:]+\])(?::(?:\d{1,5}|\*))?$/i;

export const isOriginPattern = (text: string): boolean => text === '*' || HOST.test(text);

/** Browsers write origins in lower case, and without the default port of the scheme. */
const asBrowsersWrite = (pattern: string): string =>
  pattern.toLowerCase().replace(/^(http:.*):80$|^(https:.*):443$/, '$1$2');

export const isAllowedOrigin = (patterns: readonly string[], origin: string): boolean =>
  origin !== '' &&
  patterns.map(asBrowsersWrite).some((pattern) => {
    if (pattern === '*') return true;
    if (!pattern.endsWith(':*')) return pattern === origin;
    const host = pattern.slice(0, -2);
    return origin === host || (origin.startsWith(`${host}:`) && /^\d+$/.test(origin.slice(host.length + 1)));
  });
