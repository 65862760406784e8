/** Buckets, and the two ways to configure the client library for a local server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStorage } from '../../../infra/storage/server.ts';
import { temporaryDir } from '../../support/temporary-dir.ts';
import { BUCKET, clientOf, codeOf, type Local, objectUrl, startLocal } from './harness.ts';

let local: Local;
beforeAll(async () => {
  local = await startLocal();
});
afterAll(async () => {
  await local.server.stop();
  expect(local.bugs).toEqual([]);
});

const bucket = () => local.storage.bucket(BUCKET);

describe('buckets', () => {
  it('of an earlier start get the settings of the current start', async () => {
    const stateDir = temporaryDir();
    for (const [versioning, metageneration] of [
      [undefined, '1'],
      [{ enabled: true }, '2'],
      [{ enabled: true }, '2'],
    ] as const) {
      const server = await startStorage({
        stateDir,
        buckets: [{ name: 'kept', ...(versioning ? { versioning } : {}) }],
      });
      const [found] = await clientOf(server.url).bucket('kept').getMetadata();
      expect([found.versioning, found.metageneration]).toEqual([versioning, metageneration]);
      await server.stop();
    }
  });

  it('are created, listed, patched and deleted', async () => {
    const [created] = await local.storage.createBucket('clapper-new', {
      location: 'europe-west1',
      lifecycle: { rule: [{ action: { type: 'Delete' }, condition: { age: 7 } }] },
    });
    expect((await created.getMetadata())[0]).toMatchObject({
      location: 'EUROPE-WEST1',
      locationType: 'region',
      lifecycle: { rule: [{ action: { type: 'Delete' }, condition: { age: 7 } }] },
    });
    await created.setLabels({ team: 'film', old: 'x' });
    await created.deleteLabels('old');
    expect((await created.getMetadata())[0]).toMatchObject({ labels: { team: 'film' }, metageneration: '3' });
    await created.setMetadata({ versioning: { enabled: true } });
    expect((await local.storage.getBuckets({ prefix: 'clapper-' }))[0].map((b) => b.name)).toEqual([
      'clapper-media',
      'clapper-new',
      'clapper-versioned',
    ]);
    expect(await codeOf(local.storage.createBucket('clapper-new'))).toBe(409);
    await created.file('x').save('x', { resumable: false });
    expect(await codeOf(created.delete())).toBe(409);
    await created.deleteFiles({ versions: true });
    await created.deleteFiles({ versions: true });
    await created.delete();
    expect((await created.exists())[0]).toBe(false);
  });

  it.each(['ab', 'UPPER', '-dash', 'dots..twice', 'goog-mine', '192.168.5.4'])(
    'refuse the name %s',
    async (name) => {
      expect(await codeOf(local.storage.createBucket(name))).toBe(400);
    },
  );

  it('store an IAM policy and report every tested permission as granted', async () => {
    const policy = { bindings: [{ role: 'roles/storage.objectViewer', members: ['allUsers'] }] };
    await bucket().iam.setPolicy(policy);
    expect((await bucket().iam.getPolicy())[0].bindings).toEqual(policy.bindings);
    expect((await bucket().iam.testPermissions(['storage.objects.get']))[0]).toEqual({
      'storage.objects.get': true,
    });
  });
});

describe('endpoints', () => {
  it('support STORAGE_EMULATOR_HOST, which omits /storage/v1', async () => {
    process.env['STORAGE_EMULATOR_HOST'] = local.url;
    const emulated = clientOf(local.url);
    delete process.env['STORAGE_EMULATOR_HOST'];
    expect(emulated.baseUrl).toBe(local.url);
    const target = emulated.bucket(BUCKET).file('emulated');
    await target.save('x', { resumable: false });
    await target.save('xy');
    expect((await target.download())[0].toString()).toBe('xy');
    expect((await emulated.bucket(BUCKET).getFiles({ prefix: 'emul' }))[0]).toHaveLength(1);
    await target.delete();
    expect(await emulated.bucket(BUCKET).exists()).toEqual([true]);
  });

  it('reject an unknown path, a wrong method and malformed percent-encoding', async () => {
    expect((await fetch(`${local.url}/storage/v1/nothing`)).status).toBe(404);
    expect((await fetch(objectUrl(local.url, 'x'), { method: 'POST' })).status).toBe(405);
    expect((await fetch(objectUrl(local.url, '%zz').replace('%25', '%'))).status).toBe(400);
  });
});
