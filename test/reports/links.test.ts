/**
 * nocodb/nocodb#9858 and googleapis/google-cloud-php#1108: Cloud Storage refuses a signed link with
 * MalformedSecurityHeader if the request has an `x-goog-` header that is not signed, or lacks one that is. Clients repeat
 * their headers after a redirect. `links.long.test.ts` opens the links with curl.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApi } from '../../functions/handlers/api/api.ts';
import { jsonl, kittens, startBatch } from '../support/batches.ts';
import { finish, googleClient, googleWorld, makesVideos, mp4 } from '../support/google.ts';
import { finishesAfter } from '../support/jobs.ts';
import { makeWorld, type World } from '../support/memory.ts';
import { runFor } from '../support/run.ts';

const MODEL = 'veo-3.1-generate-preview';

let world: World;
/** The path of a video or a report, and the name under which it is saved. */
interface Download {
  readonly path: string;
  readonly disposition: string;
  readonly contentType: string;
  readonly bytes: number;
}

async function video(): Promise<Download> {
  world = makeWorld();
  makesVideos(world, [mp4(8)]);
  const created = await createApi(world.services).request('/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a cat' }),
  });
  await finish(world);
  const { id } = z.object({ id: z.string() }).parse(await created.json());
  const disposition = `inline; filename="${id}-0.mp4"`;
  return { path: `/v1/jobs/${id}/videos/0`, disposition, contentType: 'video/mp4', bytes: mp4(8).length };
}

async function googleFile(): Promise<Download> {
  world = googleWorld();
  makesVideos(world, [mp4(8)]);
  const name = await googleClient(world, 'local').submit(MODEL, { instances: [{ prompt: 'a cat' }] });
  await finish(world);
  const id = name.split('/').at(-1);
  const disposition = `attachment; filename="job_${id}-0.mp4"`;
  return {
    ...{ path: `/v1beta/files/${id}0:download?alt=media&key=local`, disposition },
    ...{ contentType: 'video/mp4', bytes: mp4(8).length },
  };
}

async function report(): Promise<Download> {
  world = makeWorld();
  finishesAfter(world, 30_000);
  const { batchId } = await startBatch(world, jsonl(kittens(2)));
  await runFor(world, 3_600_000);
  const [object] = (await world.output.list('')).filter(({ name }) => name.endsWith('report.csv'));
  const disposition = `attachment; filename="${batchId}-report.csv"`;
  return {
    ...{ path: `/v1/batches/${batchId}/report`, disposition, contentType: 'text/csv; charset=utf-8' },
    bytes: object?.bytes ?? 0,
  };
}

const send = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  Promise.resolve(createApi(world.services).request(path, { method, headers }));

describe.each([
  ['a video', video],
  ['a file of the Developer API', googleFile],
  ['the report of a batch', report],
])('the download of %s (nocodb/nocodb#9858)', (_what, prepare) => {
  let download: Download;
  beforeEach(async () => {
    download = await prepare();
    world.output.links.length = 0;
  });

  it('redirects to a link that is signed for the x-goog- headers of the request, and names the file', async () => {
    const headers = { 'x-goog-api-key': 'local', 'x-goog-api-client': 'sdk', range: 'bytes=0-1' };
    const answer = await send(download.path, { ...headers, authorization: 'Bearer local' });
    expect(answer.status).toBe(302);
    expect(world.output.links.at(-1)).toEqual({
      headers: { 'x-goog-api-key': 'local', 'x-goog-api-client': 'sdk' },
      disposition: download.disposition,
    });
  });

  it('does not sign headers that a proxy of Google added, because the client cannot repeat them', async () => {
    const answer = await send(download.path, {
      ...{ 'x-goog-iap-jwt-assertion': 'a', 'x-goog-authenticated-user-email': 'b' },
    });
    expect(answer.status).toBe(302);
    expect(world.output.links.at(-1)?.headers ?? {}).toEqual({});
  });

  it('refuses a checksum header that cannot be signed, by name', async () => {
    const answer = await send(download.path, { 'x-goog-content-sha256': 'UNSIGNED' });
    expect([answer.status, (await answer.text()).includes('x-goog-content-sha256')]).toEqual([400, true]);
    expect((await send(download.path, { 'x-goog-content-sha256': 'a1'.repeat(32) })).status).toBe(302);
  });

  it('answers HEAD with size, type and file name, and without a link', async () => {
    const { status, headers } = await send(download.path, { 'x-goog-api-key': 'local' }, 'HEAD');
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-length': String(download.bytes),
      'content-type': download.contentType,
      'content-disposition': download.disposition,
      'accept-ranges': 'bytes',
    });
    expect(world.output.links).toEqual([]);
  });

  it('names no ETag, because Cloud Storage sends another one with the bytes, and leaves revalidation to it', async () => {
    expect((await send(download.path, {}, 'HEAD')).headers.get('etag')).toBeNull();
    for (const known of ['"x"', `"${download.bytes}"`, '*']) {
      const answer = await send(download.path, { 'if-none-match': known });
      expect([answer.status, answer.headers.get('etag')]).toEqual([302, null]);
    }
  });
});

describe('the link in a JSON body', () => {
  it('works without the headers of the request that asked for it, for example in a player', async () => {
    const { path } = await video();
    world.output.links.length = 0;
    const json = await send(path, { 'x-goog-api-key': 'local', accept: 'application/json' });
    expect([json.status, await json.json()]).toEqual([
      200,
      { url: expect.stringContaining('https://signed.test/'), expiresAt: expect.any(String) },
    ]);
    const redirect = await send(path, { 'x-goog-api-key': 'local' });
    expect(await redirect.json()).toMatchObject({ url: expect.any(String) });
    expect(world.output.links.map(({ headers }) => headers)).toEqual([
      undefined,
      undefined,
      { 'x-goog-api-key': 'local' },
    ]);
  });

  it('is missing for a report that was deleted from the bucket: 404 with its name', async () => {
    const { path } = await report();
    for (const { name } of await world.output.list('')) world.output.remove(name);
    const answer = await send(path);
    expect([answer.status, await answer.json()]).toEqual([
      404,
      expect.objectContaining({ detail: expect.stringContaining('report.csv') }),
    ]);
  });
});
