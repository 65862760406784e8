/** The console page: its files, and that a second press of the button does not pay twice. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApi } from '../../functions/handlers/api/api.ts';
import { makeWorld } from '../support/memory.ts';

/** The types of a script of the page, which is plain JavaScript. */
const consoleModule = z.object({
  createIdempotencyKeys: z.custom<
    (newKey: () => string) => { keyOf: (body: string) => string; answered: () => void }
  >((value) => typeof value === 'function'),
});

describe('the console', () => {
  it('is one page with its own style and scripts, and serves no other file', async () => {
    const app = createApi(makeWorld().services);
    const page = await app.request('/');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const html = await page.text();
    const links = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, link = '']) => link);
    expect(links).toEqual(['/console/icon.svg', '/console/console.css', '/console/console.js']);
    const script = await (await app.request('/console/console.js')).text();
    const imports = [...script.matchAll(/from '\.(\/[^']+)'/g)].map(([, file = '']) => `/console${file}`);
    expect(imports).not.toEqual([]);
    for (const link of [...links, ...imports]) expect((await app.request(link)).status).toBe(200);
    expect((await app.request('/console/../config.ts')).status).toBe(404);
  });

  it('repeats an unanswered request with the same key, and sends any other with a new key', async () => {
    const file = new URL('../../functions/console/idempotency-keys.js', import.meta.url).href;
    const { createIdempotencyKeys } = consoleModule.parse(await import(file));
    let keys = 0;
    const idempotencyKeys = createIdempotencyKeys(() => `key-${++keys}`);
    expect(['a', 'a', 'b', 'b'].map(idempotencyKeys.keyOf)).toEqual(['key-1', 'key-1', 'key-2', 'key-2']);
    idempotencyKeys.answered();
    expect(idempotencyKeys.keyOf('b')).toBe('key-3');
  });
});
