/** The console: one page and its files, served by the `api` function. */
import { readFileSync } from 'node:fs';
import type { Hono } from 'hono';

const FILES = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/console/icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
  { path: '/console/console.css', file: 'console.css', type: 'text/css; charset=utf-8' },
  { path: '/console/console.js', file: 'console.js', type: 'text/javascript; charset=utf-8' },
  {
    path: '/console/idempotency-keys.js',
    file: 'idempotency-keys.js',
    type: 'text/javascript; charset=utf-8',
  },
] as const;

const HEADERS = {
  // Videos are loaded by signed links from the bucket's host; everything else from this origin.
  'content-security-policy':
    "default-src 'self'; media-src *; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache',
};

export function addConsole(app: Hono): void {
  for (const { path, file, type } of FILES) {
    const body = readFileSync(new URL(`../console/${file}`, import.meta.url), 'utf8');
    app.get(path, (c) => c.body(body, 200, { ...HEADERS, 'content-type': type }));
  }
}
