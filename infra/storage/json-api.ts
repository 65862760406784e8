/** Routes of the JSON API, `/storage/v1`, `/download/storage/v1` and `/upload/storage/v1`. */
import type { BlobStore } from './blobs.ts';
import type { Buckets } from './buckets.ts';
import { expectedFromHeaders } from './checksums.ts';
import { compose, copy, move, rewrite } from './copies.ts';
import { jsonCorsHeaders, jsonPreflight } from './cors.ts';
import { invalid, methodNotAllowed, notFound, required, type StorageError } from './errors.ts';
import { selectFields } from './fields.ts';
import { listObjects, parseListQuery } from './listing.ts';
import { mediaReply } from './media.ts';
import {
  emptyReply,
  headerOf,
  jsonReply,
  readJson,
  type StorageReply,
  type StorageRequest,
} from './messages.ts';
import type { ObjectStore } from './objects.ts';
import { checkEtags, checkPreconditions, int64, preconditionsFromQuery } from './preconditions.ts';
import { metadataBody, metadataOf, objectResource, type StoredObject } from './resources.ts';
import type { ResumableUploads } from './resumable.ts';
import { uploadBody, uploadMedia, uploadMultipart } from './uploads.ts';

export interface JsonApiOptions {
  readonly objects: ObjectStore;
  readonly blobs: BlobStore;
  readonly buckets: Buckets;
  readonly resumable: ResumableUploads;
  readonly baseUrl: () => string;
  readonly serviceAccountEmail: string;
}

/** A parsed path of the JSON API. `rest` holds the decoded segments after the prefix. */
export interface JsonRoute {
  readonly service: 'metadata' | 'download' | 'upload';
  readonly rest: readonly string[];
}

/**
 * The route of a path, or undefined when the path belongs to the XML API. With `STORAGE_EMULATOR_HOST` the client omits
 * `/storage/v1`. A first segment `b` cannot be a bucket, because bucket names have at least three characters.
 */
export function jsonRoute(path: string): JsonRoute | undefined {
  const match =
    /^\/(?:(?:resumable\/)?(upload|download)\/)?storage\/v1\/(.*)$/.exec(path) ??
    /^\/(?:(upload|download)\/)?(b(?:\/.*)?|projects\/[^/]+\/serviceAccount)$/.exec(path);
  if (match === null) return undefined;
  const [, service, rest = ''] = match;
  const segments = rest.replace(/\/$/, '').split('/').map(decodeSegment);
  return { service: service === 'upload' || service === 'download' ? service : 'metadata', rest: segments };
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw invalid(`Malformed percent-encoding: '${segment}'.`);
  }
}

export class JsonApi {
  readonly #options: JsonApiOptions;

  constructor(options: JsonApiOptions) {
    this.#options = options;
  }

  async handle(request: StorageRequest, route: JsonRoute): Promise<StorageReply> {
    if (request.method === 'OPTIONS') return jsonPreflight(request);
    const reply = await this.#dispatch(request, route);
    return { ...reply, headers: { ...reply.headers, ...jsonCorsHeaders(request) } };
  }

  /** Errors are JSON. Errors of a media download are plain text, as the client library expects. */
  renderError(error: StorageError, request: StorageRequest): StorageReply {
    const headers = { ...error.headers, ...jsonCorsHeaders(request) };
    if (error.status === 304) return emptyReply(304, headers);
    if (request.query.get('alt') === 'media')
      return {
        status: error.status,
        headers: { 'content-type': 'text/html; charset=UTF-8', ...headers },
        body: error.message,
      };
    const { status, reason, message } = error;
    const where = status === 412 ? { locationType: 'header', location: 'If-Match' } : {};
    return jsonReply(
      { error: { code: status, message, errors: [{ message, domain: 'global', reason, ...where }] } },
      headers,
      status,
    );
  }

  async #dispatch(request: StorageRequest, { service, rest }: JsonRoute): Promise<StorageReply> {
    const { buckets } = this.#options;
    const [collection, bucket, kind, name, verb] = rest;
    if (collection === 'projects' && kind === 'serviceAccount')
      return jsonReply({
        kind: 'storage#serviceAccount',
        email_address: this.#options.serviceAccountEmail,
      });
    if (collection !== 'b') throw notFound();
    if (service === 'upload') {
      if (bucket === undefined || kind !== 'o' || name !== undefined) throw notFound();
      return this.#upload(request, bucket);
    }
    if (bucket === undefined) return buckets.handleCollection(request);
    if (kind === undefined) return buckets.handleBucket(request, bucket);
    if (kind === 'iam') return buckets.handleIam(request, bucket, name);
    if (kind !== 'o') throw notFound();
    if (name === undefined) return this.#list(request, bucket);
    if (verb === undefined) return this.#object(request, bucket, name, service);
    if (request.method !== 'POST') throw methodNotAllowed();
    return this.#createFrom(request, { bucket, name }, verb, rest.slice(5));
  }

  /** Requests that create an object from others: `…/o/{name}/{verb}/{target…}`. */
  async #createFrom(
    request: StorageRequest,
    from: { readonly bucket: string; readonly name: string },
    verb: string,
    target: readonly string[],
  ): Promise<StorageReply> {
    const { objects, blobs } = this.#options;
    if (verb === 'compose') return this.#resource(request, await compose(request, objects, blobs, from));
    if (verb === 'moveTo' && target[0] === 'o' && target[1] !== undefined)
      return this.#resource(request, await move(request, objects, from, target[1]));
    const [b, bucket, o, name] = target;
    if (b !== 'b' || bucket === undefined || o !== 'o' || name === undefined) throw notFound();
    const to = { bucket, name };
    if (verb === 'copyTo') return this.#resource(request, await copy(request, objects, blobs, from, to));
    if (verb !== 'rewriteTo') throw notFound();
    const { sizeBytes, rewrittenBytes, object, token } = await rewrite(request, objects, blobs, from, to);
    return jsonReply({
      kind: 'storage#rewriteResponse',
      totalBytesRewritten: String(rewrittenBytes),
      objectSize: String(sizeBytes),
      done: object !== undefined,
      rewriteToken: token,
      resource: object && objectResource(object, this.#options.baseUrl()),
    });
  }

  async #object(
    request: StorageRequest,
    bucket: string,
    name: string,
    service: JsonRoute['service'],
  ): Promise<StorageReply> {
    const { objects, blobs } = this.#options;
    const generation = int64('generation', request.query.get('generation'));
    const conditions = preconditionsFromQuery(request.query);
    switch (request.method) {
      case 'GET':
      case 'HEAD': {
        const object = objects.find(bucket, name, generation);
        checkPreconditions(conditions, object, 'read');
        checkEtags(request.headers, object);
        const media = service === 'download' || request.query.get('alt') === 'media';
        return media ? mediaReply(request, object, blobs) : this.#resource(request, object);
      }
      case 'DELETE':
        objects.delete(bucket, name, generation, conditions);
        return emptyReply(204);
      case 'PATCH':
      case 'PUT': {
        const body = await readJson(request, metadataBody);
        const mode = request.method === 'PATCH' ? 'merge' : 'replace';
        return this.#resource(
          request,
          objects.setMetadata(objects.find(bucket, name, generation), body, mode, conditions),
        );
      }
      default:
        throw methodNotAllowed();
    }
  }

  #list(request: StorageRequest, bucket: string): StorageReply {
    if (request.method !== 'GET') throw methodNotAllowed();
    const page = listObjects(this.#options.objects.bucket(bucket), parseListQuery(request.query));
    const listed = {
      kind: 'storage#objects',
      nextPageToken: page.nextPageToken,
      prefixes: page.prefixes.length > 0 ? page.prefixes : undefined,
      items:
        page.items.length > 0
          ? page.items.map((object) => objectResource(object, this.#options.baseUrl()))
          : undefined,
    };
    return jsonReply(selectFields(listed, request.query.get('fields')));
  }

  async #upload(request: StorageRequest, bucket: string): Promise<StorageReply> {
    const { objects, blobs, resumable } = this.#options;
    const session = request.query.get('upload_id');
    if (session !== null) {
      if (request.method === 'DELETE') return resumable.cancel(session);
      if (request.method !== 'PUT' && request.method !== 'POST') throw methodNotAllowed();
      const result = await resumable.put(session, request);
      return 'status' in result ? result : this.#resource(request, result);
    }
    if (request.method !== 'POST') throw methodNotAllowed();
    switch (request.query.get('uploadType')) {
      case 'media':
        return this.#resource(request, await uploadMedia(request, objects, blobs, bucket));
      case 'multipart':
        return this.#resource(request, await uploadMultipart(request, objects, blobs, bucket));
      case 'resumable':
        return this.#startResumable(request, bucket);
      case null:
        throw required('uploadType');
      default:
        throw invalid('Invalid value for uploadType.');
    }
  }

  async #startResumable(request: StorageRequest, bucket: string): Promise<StorageReply> {
    const { headers, query, origin } = request;
    const body = await readJson(request, uploadBody);
    const name = query.get('name') ?? body.name;
    if (name === undefined) throw required('name');
    const promised = expectedFromHeaders(headers);
    const id = this.#options.resumable.start({
      bucket,
      name,
      headers,
      metadata: metadataOf({
        ...body,
        contentType: body.contentType ?? headerOf(headers, 'x-upload-content-type'),
      }),
      expected: { crc32c: body.crc32c ?? promised.crc32c, md5Hash: body.md5Hash ?? promised.md5Hash },
      preconditions: preconditionsFromQuery(query),
    });
    const location = new URL(`${origin}/upload/storage/v1/b/${encodeURIComponent(bucket)}/o`);
    location.search = new URLSearchParams({ uploadType: 'resumable', name, upload_id: id }).toString();
    return emptyReply(200, {
      location: location.href,
      'x-guploader-uploadid': id,
      'content-length': 0,
    });
  }

  #resource(request: StorageRequest, object: StoredObject): StorageReply {
    const resource = objectResource(object, this.#options.baseUrl());
    return jsonReply(selectFields(resource, request.query.get('fields')), { etag: resource.etag });
  }
}
