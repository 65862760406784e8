/** Objects created from objects, versions of objects, and their events. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET, codeOf, type Local, MIB, objectUrl, pattern, startLocal, VERSIONED } from './harness.ts';

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
const read = async (name: string) => (await file(name).download())[0].toString();

describe('objects from objects', () => {
  it('copies with the source metadata or with new metadata', async () => {
    await file('src').save('content', {
      resumable: false,
      contentType: 'text/a',
      metadata: { metadata: { k: 'v' } },
    });
    await file('src').copy(file('copies/plain'));
    expect((await file('copies/plain').getMetadata())[0]).toMatchObject({
      contentType: 'text/a',
      metadata: { k: 'v' },
      size: '7',
    });
    await file('src').copy(file('copies/other'), { contentType: 'text/b' });
    const [other] = await file('copies/other').getMetadata();
    expect(other.contentType).toBe('text/b');
    expect(other.metadata).toBeUndefined();
    await file('src').delete();
    expect(await read('copies/plain')).toBe('content');
  });

  it('rewrites in bounded steps that the token continues', async () => {
    await put('big', pattern(2 * MIB + 5));
    const step = async (token: string): Promise<Record<string, unknown>> =>
      JSON.parse(
        await (
          await fetch(
            `${objectUrl(local.url, 'big')}/rewriteTo/b/${BUCKET}/o/big-copy?maxBytesRewrittenPerCall=${MIB}${token}`,
            { method: 'POST' },
          )
        ).text(),
      );
    let reply = await step('');
    const seen = [reply['totalBytesRewritten']];
    expect((await file('big-copy').exists())[0]).toBe(false);
    while (reply['done'] === false) {
      reply = await step(`&rewriteToken=${String(reply['rewriteToken'])}`);
      seen.push(reply['totalBytesRewritten']);
    }
    expect(seen).toEqual([String(MIB), String(2 * MIB), String(2 * MIB + 5)]);
    expect((await file('big-copy').download())[0].equals(pattern(2 * MIB + 5))).toBe(true);
    expect((await step('&rewriteToken=e30'))['error']).toMatchObject({ code: 400 });
  });

  it('moves atomically', async () => {
    await file('moving').save('cargo', { resumable: false, contentType: 'text/cargo' });
    const [before] = await file('moving').getMetadata();
    await file('moving').moveFileAtomic('moved');
    expect((await file('moving').exists())[0]).toBe(false);
    const [after] = await file('moved').getMetadata();
    expect(after.contentType).toBe('text/cargo');
    expect(Number(after.generation)).toBeGreaterThan(Number(before.generation));
    expect(await read('moved')).toBe('cargo');
    expect(await codeOf(file('moved').moveFileAtomic('moved'))).toBe(400);
  });

  it('composes up to 32 objects, in order, with a CRC-32C and no MD5', async () => {
    for (const part of ['p1', 'p2', 'p3']) await put(`parts/${part}`, `<${part}>`);
    await put('parts/empty', '');
    const [whole] = await bucket().combine(
      ['parts/p1', 'parts/empty', 'parts/p2', 'parts/p3', 'parts/p1'].map(file),
      file('whole.txt'),
    );
    expect(await read('whole.txt')).toBe('<p1><p2><p3><p1>');
    const [metadata] = await whole.getMetadata();
    expect(metadata).toMatchObject({ componentCount: 5, size: '16', contentType: 'text/plain' });
    expect(metadata.md5Hash).toBeUndefined();
    await bucket().combine([file('whole.txt'), file('parts/p2')], file('whole.txt'));
    expect((await file('whole.txt').getMetadata())[0]).toMatchObject({ componentCount: 6, size: '20' });
    const thirtyThree = Array.from({ length: 33 }, () => file('parts/p1'));
    expect(await codeOf(bucket().combine(thirtyThree, file('too-many.txt')))).toBe(400);
    expect(await codeOf(bucket().combine([file('parts/p1'), file('parts/none')], file('no.txt')))).toBe(404);
  });

  it('deletes once', async () => {
    await put('gone', 'x');
    await file('gone').delete();
    expect(await codeOf(file('gone').delete())).toBe(404);
    await file('gone').delete({ ignoreNotFound: true });
  });
});

describe('versions', () => {
  const versioned = (generation?: number) =>
    local.storage.bucket(VERSIONED).file('v', generation === undefined ? {} : { generation });
  it('keeps, lists, reads, restores and deletes noncurrent generations', async () => {
    const generations: number[] = [];
    for (const content of ['one', 'two']) {
      await versioned().save(content, { resumable: false });
      generations.push(Number((await versioned().getMetadata())[0].generation));
    }
    const [first = 0, second = 0] = generations;
    const listed = async (versions: boolean) =>
      (await local.storage.bucket(VERSIONED).getFiles({ versions }))[0].map((f) =>
        Number(f.metadata.generation),
      );
    expect(await listed(false)).toEqual([second]);
    expect(await listed(true)).toEqual([first, second]);
    expect((await versioned(first).download())[0].toString()).toBe('one');
    expect((await versioned(first).getMetadata())[0].timeDeleted).toBeDefined();
    await versioned().delete();
    expect(await codeOf(versioned().getMetadata())).toBe(404);
    expect(await listed(true)).toEqual([first, second]);
    await versioned(first).copy(versioned());
    expect((await versioned().download())[0].toString()).toBe('one');
    await versioned(second).delete();
    expect(await codeOf(versioned(second).getMetadata())).toBe(404);
    expect(await codeOf(local.storage.bucket(VERSIONED).delete())).toBe(409);
    expect(local.events.filter((e) => e.object.bucket === VERSIONED).map((e) => e.type)).toEqual([
      'finalized',
      'archived',
      'finalized',
      'archived',
      'finalized',
      'deleted',
    ]);
  });
});

describe('events', () => {
  it('report every change once, with the resource of the generation', async () => {
    const seen = () => local.events.filter((event) => event.object.name === 'eventful');
    await put('eventful', 'a');
    await put('eventful', 'bb');
    await file('eventful').setMetadata({ metadata: { k: 'v' } });
    await file('eventful').delete();
    expect(seen().map(({ type, object }) => [type, object.size, object.metageneration])).toEqual([
      ['finalized', '1', '1'],
      ['deleted', '1', '1'],
      ['finalized', '2', '1'],
      ['metadataUpdated', '2', '2'],
      ['deleted', '2', '2'],
    ]);
  });
});
