/** Listings: order, folding, pages, bounds, globs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET, type Local, startLocal } from './harness.ts';

let local: Local;
beforeAll(async () => {
  local = await startLocal();
});
afterAll(async () => {
  await local.server.stop();
  expect(local.bugs).toEqual([]);
});

const bucket = () => local.storage.bucket(BUCKET);
const file = (name: string) => local.storage.bucket(BUCKET).file(name);
const put = (name: string, content: string | Buffer) => file(name).save(content, { resumable: false });

describe('listing', () => {
  const names = ['a/1', 'a/2', 'a/b/3', 'a/b/4', 'a/c/', 'b', 'c/5', 'z\u{1f3ac}', 'z\uff5e'].map(
    (name) => `list/${name}`,
  );
  beforeAll(async () => {
    for (const name of names) await put(name, name);
  });
  const list = async (query: Record<string, string>) => {
    const reply = await fetch(`${local.url}/storage/v1/b/${BUCKET}/o?${new URLSearchParams(query)}`);
    const page: { items?: { name: string }[]; prefixes?: string[]; nextPageToken?: string } = JSON.parse(
      await reply.text(),
    );
    return {
      status: reply.status,
      items: (page.items ?? []).map((item) => item.name),
      prefixes: page.prefixes ?? [],
      next: page.nextPageToken,
    };
  };

  it('is ordered by UTF-8 bytes', async () => {
    const expected = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect((await list({ prefix: 'list/' })).items).toEqual(expected);
  });

  it('groups names after the delimiter into prefixes', async () => {
    expect(await list({ prefix: 'list/', delimiter: '/' })).toMatchObject({
      items: ['list/b', 'list/z\uff5e', 'list/z\u{1f3ac}'],
      prefixes: ['list/a/', 'list/c/'],
    });
    expect(await list({ prefix: 'list/a/', delimiter: '/' })).toMatchObject({
      items: ['list/a/1', 'list/a/2'],
      prefixes: ['list/a/b/', 'list/a/c/'],
    });
    expect(
      (await list({ prefix: 'list/a/', delimiter: '/', includeTrailingDelimiter: 'true' })).items,
    ).toEqual(['list/a/1', 'list/a/2', 'list/a/c/']);
  });

  it.each([
    {},
    { delimiter: '/' },
    { prefix: 'list/a/', delimiter: '/', includeTrailingDelimiter: 'true' },
    { versions: 'true' },
  ])('returns the same entries in pages of any size: %j', async (query) => {
    const whole = await list({ prefix: 'list/', ...query });
    for (let maxResults = 1; maxResults <= 4; maxResults++) {
      const items: string[] = [];
      const prefixes: string[] = [];
      let next: string | undefined;
      do {
        const page = await list({
          prefix: 'list/',
          ...query,
          maxResults: String(maxResults),
          ...(next ? { pageToken: next } : {}),
        });
        expect(page.items.length + page.prefixes.length).toBeLessThanOrEqual(maxResults);
        items.push(...page.items);
        prefixes.push(...page.prefixes);
        next = page.next;
      } while (next);
      expect({ items, prefixes }).toEqual({ items: whole.items, prefixes: whole.prefixes });
    }
  });

  it('is limited by startOffset (inclusive) and endOffset (exclusive)', async () => {
    expect((await list({ startOffset: 'list/a/2', endOffset: 'list/b' })).items).toEqual([
      'list/a/2',
      'list/a/b/3',
      'list/a/b/4',
      'list/a/c/',
    ]);
  });

  it.each([
    ['list/a/*', ['list/a/1', 'list/a/2']],
    ['list/a/**', ['list/a/1', 'list/a/2', 'list/a/b/3', 'list/a/b/4', 'list/a/c/']],
    ['list/**/4', ['list/a/b/4']],
    ['list/**/b', ['list/b']],
    ['list/?/[1-2]', ['list/a/1', 'list/a/2']],
    ['list/{b,c/?}', ['list/b', 'list/c/5']],
    ['list/a/[!1]', ['list/a/2']],
  ])('matches the glob %s', async (matchGlob, expected) => {
    expect((await list({ matchGlob })).items).toEqual(expected);
  });

  it('rejects an invalid page token, glob and page size', async () => {
    for (const query of [
      { pageToken: 'nonsense' },
      { matchGlob: 'a{b' },
      { maxResults: '-1' },
      { matchGlob: '*', delimiter: ':' },
    ])
      expect((await list(query)).status).toBe(400);
  });

  it('works with the client library, including pages and fields', async () => {
    const [all] = await bucket().getFiles({ prefix: 'list/' });
    expect(all).toHaveLength(names.length);
    const [page, next] = await bucket().getFiles({
      prefix: 'list/a/',
      delimiter: '/',
      autoPaginate: false,
      maxResults: 3,
      fields: 'items(name),nextPageToken',
    });
    expect(page).toEqual([{ name: 'list/a/1' }, { name: 'list/a/2' }]);
    expect(next).toHaveProperty('pageToken');
  });
});
