/** Generation and metageneration preconditions on every method, and races that they decide. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET, codeOf, type Local, objectUrl, startLocal } from './harness.ts';

let local: Local;
beforeAll(async () => {
  local = await startLocal();
});
afterAll(async () => {
  await local.server.stop();
  expect(local.bugs).toEqual([]);
});

const file = (name: string) => local.storage.bucket(BUCKET).file(name);
const put = (name: string, content: string | Buffer) => file(name).save(content, { resumable: false });
const read = async (name: string) => (await file(name).download())[0].toString();

describe('preconditions', () => {
  it('let exactly one of many concurrent creators win with ifGenerationMatch=0', async () => {
    const create = (i: number) =>
      codeOf(
        file('race').save(`writer ${i}`, {
          resumable: i % 2 === 0,
          preconditionOpts: { ifGenerationMatch: 0 },
        }),
      );
    const results = await Promise.all(Array.from({ length: 8 }, (_, i) => create(i)));
    expect(results.filter((result) => result === 'no refusal')).toHaveLength(1);
    expect(results.filter((result) => result === 412)).toHaveLength(7);
    expect(await read('race')).toBe(`writer ${results.indexOf('no refusal')}`);
  });

  it('are checked, all four, on every method', async () => {
    await put('conditions', 'x');
    await file('conditions').setMetadata({ metadata: { a: 'b' } });
    const [{ generation, metageneration }] = await file('conditions').getMetadata();
    expect(metageneration).toBe('2');
    const g = Number(generation);
    const holds = [
      `ifGenerationMatch=${g}`,
      `ifGenerationNotMatch=${g + 1}`,
      'ifMetagenerationMatch=2',
      'ifMetagenerationNotMatch=1',
    ];
    const fails = [
      `ifGenerationMatch=${g + 1}`,
      `ifGenerationNotMatch=${g}`,
      'ifMetagenerationMatch=1',
      'ifMetagenerationNotMatch=2',
    ];
    const readFails = [412, 304, 412, 304];
    const at = (query: string) => objectUrl(local.url, 'conditions', `?${query}`);
    const from = (query: string) => query.replace('if', 'ifSource');
    const upload = `${local.url}/upload/storage/v1/b/${BUCKET}/o?name=conditions&`;
    const target = objectUrl(local.url, 'conditions');
    const attempts: [string, (query: string) => Promise<Response>][] = [
      ['get', (q) => fetch(at(q))],
      ['media', (q) => fetch(at(`alt=media&${q}`))],
      ['head', (q) => fetch(at(`alt=media&${q}`), { method: 'HEAD' })],
      ['delete', (q) => fetch(at(q), { method: 'DELETE' })],
      ['patch', (q) => fetch(at(q), { method: 'PATCH', body: '{}' })],
      ['update', (q) => fetch(at(q), { method: 'PUT', body: '{}' })],
      ['media upload', (q) => fetch(`${upload}uploadType=media&${q}`, { method: 'POST', body: 'y' })],
      ['resumable start', (q) => fetch(`${upload}uploadType=resumable&${q}`, { method: 'POST' })],
      [
        'rewrite source',
        (q) => fetch(`${target}/rewriteTo/b/${BUCKET}/o/copied?${from(q)}`, { method: 'POST' }),
      ],
      ['move source', (q) => fetch(`${target}/moveTo/o/moved?${from(q)}`, { method: 'POST' })],
      [
        'rewrite target',
        (q) =>
          fetch(`${objectUrl(local.url, 'range')}/rewriteTo/b/${BUCKET}/o/conditions?${q}`, {
            method: 'POST',
          }),
      ],
      [
        'copy target',
        (q) =>
          fetch(`${objectUrl(local.url, 'range')}/copyTo/b/${BUCKET}/o/conditions?${q}`, { method: 'POST' }),
      ],
      [
        'move target',
        (q) => fetch(`${objectUrl(local.url, 'range')}/moveTo/o/conditions?${q}`, { method: 'POST' }),
      ],
      [
        'compose target',
        (q) =>
          fetch(`${target}/compose?${q}`, {
            method: 'POST',
            body: JSON.stringify({ sourceObjects: [{ name: 'range' }] }),
          }),
      ],
    ];
    await put('range', '0123456789');
    for (const [verb, attempt] of attempts) {
      const statuses: number[] = [];
      for (const query of fails) statuses.push((await attempt(query)).status);
      const isRead = ['get', 'media', 'head'].includes(verb);
      expect([verb, ...statuses]).toEqual([verb, ...(isRead ? readFails : [412, 412, 412, 412])]);
    }
    expect((await file('conditions').getMetadata())[0]).toMatchObject({ generation, metageneration: '2' });
    for (const query of holds) expect((await fetch(at(query))).status).toBe(200);
    expect((await fetch(at(holds.join('&')), { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(at('ifGenerationMatch=abc'))).status).toBe(400);
  });

  it('validate caches by ETag', async () => {
    await put('etag', 'x');
    const etag = (await fetch(objectUrl(local.url, 'etag'))).headers.get('etag') ?? '';
    const status = async (headers: Record<string, string>) =>
      (await fetch(objectUrl(local.url, 'etag', '?alt=media'), { headers })).status;
    expect(await status({ 'if-none-match': etag })).toBe(304);
    expect(await status({ 'if-match': etag })).toBe(200);
    expect(await status({ 'if-match': 'other' })).toBe(412);
  });

  it('have increasing generations even when the clock does not advance', async () => {
    const still = await startLocal({ now: () => 1_700_000_000_000 });
    const target = still.storage.bucket(BUCKET).file('x');
    const generations: number[] = [];
    for (let i = 0; i < 3; i++) {
      await target.save('x', { resumable: false });
      generations.push(Number((await target.getMetadata())[0].generation));
    }
    expect(generations).toEqual([...new Set(generations)].sort((a, b) => a - b));
    await still.server.stop();
  });
});
