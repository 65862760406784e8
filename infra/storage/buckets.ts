/** `buckets.*`: insert, list, get, patch, update, delete. The IAM policy is stored but not enforced. */
import { z } from 'zod';
import { type BucketRecord, bucketBody, bucketResource, mergeBucketSettings } from './bucket-resource.ts';
import { conflict, methodNotAllowed, notFound, required } from './errors.ts';
import { emptyReply, jsonReply, readJson, type StorageReply, type StorageRequest } from './messages.ts';
import { checkBucketName, compareUtf8 } from './names.ts';
import type { ObjectStore } from './objects.ts';
import type { Persistence } from './persistence.ts';
import { checkPreconditions, preconditionsFromQuery } from './preconditions.ts';
import type { BucketSpec } from './resources.ts';

export interface BucketsOptions {
  readonly persistence: Persistence;
  readonly objects: ObjectStore;
  readonly now: () => number;
  readonly baseUrl: () => string;
}

export class Buckets {
  readonly #options: BucketsOptions;

  constructor(options: BucketsOptions) {
    this.#options = options;
  }

  /** Creates the bucket. Throws 400 for an invalid name and 409 when it exists. */
  create(spec: unknown): BucketRecord {
    const { persistence, objects, now } = this.#options;
    const { name, ...settings } = bucketBody.parse(spec);
    if (name === undefined) throw required('name');
    checkBucketName(name);
    if (persistence.state.buckets.has(name))
      throw conflict(
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
      );
    const time = new Date(now()).toISOString();
    const bucket: BucketRecord = {
      name,
      settings: mergeBucketSettings({}, settings),
      generation: objects.nextGeneration(),
      metageneration: 1,
      timeCreated: time,
      updated: time,
    };
    persistence.commit({ kind: 'bucket', bucket });
    return bucket;
  }

  /** Creates the bucket, or updates the settings of an existing one to those of `spec`. */
  ensure(spec: BucketSpec): void {
    if (!this.#options.persistence.state.buckets.has(spec.name)) {
      this.create(spec);
      return;
    }
    const { name: _, location: __, storageClass: ___, ...body } = bucketBody.parse(spec);
    const { record } = this.#options.objects.bucket(spec.name);
    const settings = mergeBucketSettings(record.settings, body);
    if (JSON.stringify(settings) !== JSON.stringify(record.settings)) this.#update(record, { settings });
  }

  /** `/b`. */
  async handleCollection(request: StorageRequest): Promise<StorageReply> {
    if (request.method === 'POST') return this.#reply(this.create(await readJson(request, bucketBody)));
    if (request.method !== 'GET') throw methodNotAllowed();
    const prefix = request.query.get('prefix') ?? '';
    const after = request.query.get('pageToken') ?? '';
    const maxResults = Number(request.query.get('maxResults') ?? 0) || 1000;
    const names = [...this.#options.persistence.state.buckets.keys()]
      .filter((name) => name.startsWith(prefix) && name > after)
      .sort(compareUtf8);
    const page = names.slice(0, maxResults);
    return jsonReply({
      kind: 'storage#buckets',
      items: page.map((name) => this.#resource(this.#options.objects.bucket(name).record)),
      nextPageToken: names.length > page.length ? page.at(-1) : undefined,
    });
  }

  /** `/b/{bucket}`. */
  async handleBucket(request: StorageRequest, name: string): Promise<StorageReply> {
    const { persistence, objects } = this.#options;
    const { record } = objects.bucket(name);
    const conditions = preconditionsFromQuery(request.query);
    switch (request.method) {
      case 'GET':
        checkPreconditions(conditions, record, 'read');
        return this.#reply(record);
      case 'DELETE':
        checkPreconditions(conditions, record, 'write');
        objects.checkEmpty(name);
        persistence.commit({ kind: 'bucketDeleted', name });
        return emptyReply(204);
      case 'PATCH':
      case 'PUT': {
        const { name: _, ...body } = await readJson(request, bucketBody);
        // Read again: the bucket may have changed while the body arrived.
        const current = objects.bucket(name).record;
        checkPreconditions(conditions, current, 'write');
        const { location, storageClass } = current.settings;
        const base = request.method === 'PATCH' ? current.settings : { location, storageClass };
        return this.#reply(this.#update(current, { settings: mergeBucketSettings(base, body) }));
      }
      default:
        throw methodNotAllowed();
    }
  }

  /** `/b/{bucket}/iam` and `/b/{bucket}/iam/testPermissions`. */
  async handleIam(request: StorageRequest, name: string, verb: string | undefined): Promise<StorageReply> {
    const { record } = this.#options.objects.bucket(name);
    if (verb === 'testPermissions')
      return jsonReply({
        kind: 'storage#testIamPermissionsResponse',
        permissions: request.query.getAll('permissions'),
      });
    if (verb !== undefined) throw notFound();
    if (request.method === 'PUT') {
      const policy = await readJson(request, z.record(z.string(), z.unknown()));
      this.#update(this.#options.objects.bucket(name).record, { iamPolicy: policy });
      return jsonReply(policy);
    }
    return jsonReply(
      record.iamPolicy ?? {
        kind: 'storage#policy',
        resourceId: `projects/_/buckets/${name}`,
        version: 1,
        etag: 'CAE=',
        bindings: [],
      },
    );
  }

  #update(
    current: BucketRecord,
    change: Partial<Pick<BucketRecord, 'settings' | 'iamPolicy'>>,
  ): BucketRecord {
    const bucket: BucketRecord = {
      ...current,
      ...change,
      metageneration: current.metageneration + 1,
      updated: new Date(this.#options.now()).toISOString(),
    };
    this.#options.persistence.commit({ kind: 'bucket', bucket });
    return bucket;
  }

  #resource(bucket: BucketRecord): Record<string, unknown> {
    return bucketResource(bucket, this.#options.baseUrl());
  }

  #reply(bucket: BucketRecord): StorageReply {
    const resource = this.#resource(bucket);
    return jsonReply(resource, { etag: String(resource['etag']) });
  }
}
