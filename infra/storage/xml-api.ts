/**
 * The part of the XML API that signed URLs use: `/{bucket}/{object}` with GET, HEAD, PUT, DELETE and the POST that starts
 * a resumable upload. A request must have a V4 signature or a bearer token, or continue an upload session.
 */
import type { BlobStore } from './blobs.ts';
import { expectedFromHeaders } from './checksums.ts';
import { xmlCorsHeaders, xmlPreflight } from './cors.ts';
import { invalid, methodNotAllowed, StorageError } from './errors.ts';
import { mediaReply, objectHeaders } from './media.ts';
import { emptyReply, headerOf, type StorageReply, type StorageRequest } from './messages.ts';
import { checkObjectName } from './names.ts';
import type { ObjectStore } from './objects.ts';
import { checkEtags, checkPreconditions, int64, preconditionsFromHeaders } from './preconditions.ts';
import type { ObjectMetadata, StoredObject } from './resources.ts';
import type { ResumableUploads } from './resumable.ts';
import { isSigned, type Verifier, verifySignedUrl } from './signed-urls.ts';
import { receiveContent } from './uploads.ts';

export interface XmlApiOptions {
  readonly objects: ObjectStore;
  readonly blobs: BlobStore;
  readonly resumable: ResumableUploads;
  readonly verifier: Verifier;
}

export class XmlApi {
  readonly #options: XmlApiOptions;

  constructor(options: XmlApiOptions) {
    this.#options = options;
  }

  async handle(request: StorageRequest): Promise<StorageReply> {
    const { bucket, name } = target(request.path);
    const rules = this.#options.objects.bucket(bucket).record.settings.cors ?? [];
    if (request.method === 'OPTIONS') return xmlPreflight(request, rules);
    const reply = await this.#dispatch(request, bucket, name);
    return { ...reply, headers: { ...reply.headers, ...xmlCorsHeaders(request, rules) } };
  }

  renderError({ status, code, message, details, headers }: StorageError): StorageReply {
    if (status === 304) return emptyReply(304, headers);
    const elements = Object.entries({ Code: code, Message: message, ...details }).map(
      ([name, text]) => `<${name}>${escapeXml(text)}</${name}>`,
    );
    return {
      status,
      headers: { 'content-type': 'application/xml; charset=UTF-8', ...headers },
      body: `<?xml version='1.0' encoding='UTF-8'?><Error>${elements.join('')}</Error>`,
    };
  }

  async #dispatch(request: StorageRequest, bucket: string, name: string): Promise<StorageReply> {
    const { objects, blobs, resumable } = this.#options;
    const session = request.query.get('upload_id');
    // The session id authorizes the request.
    if (session !== null) return this.#continue(request, session);
    this.#authorize(request);
    checkObjectName(name);
    const generation = int64('generation', request.query.get('generation'));
    const preconditions = preconditionsFromHeaders(request.headers);
    switch (request.method) {
      case 'GET':
      case 'HEAD': {
        const object = objects.find(bucket, name, generation);
        checkPreconditions(preconditions, object, 'read');
        checkEtags(request.headers, object);
        return mediaReply(request, object, blobs);
      }
      case 'PUT': {
        const content = await receiveContent(blobs, request.body, expectedFromHeaders(request.headers));
        const metadata = metadataFromHeaders(request);
        return uploaded(objects.publish({ bucket, name, metadata, content, preconditions }));
      }
      case 'DELETE':
        objects.delete(bucket, name, generation, preconditions);
        return emptyReply(204);
      case 'POST': {
        if (headerOf(request.headers, 'x-goog-resumable') !== 'start') throw methodNotAllowed();
        const id = resumable.start({
          bucket,
          name,
          headers: request.headers,
          metadata: metadataFromHeaders(request),
          expected: expectedFromHeaders(request.headers),
          preconditions,
        });
        return emptyReply(201, {
          location: `${request.origin}${request.path}?upload_id=${id}`,
          'x-guploader-uploadid': id,
          'content-length': 0,
        });
      }
      default:
        throw methodNotAllowed();
    }
  }

  async #continue(request: StorageRequest, session: string): Promise<StorageReply> {
    if (request.method === 'DELETE') return this.#options.resumable.cancel(session);
    if (request.method !== 'PUT') throw methodNotAllowed();
    const result = await this.#options.resumable.put(session, request);
    return 'status' in result ? result : uploaded(result);
  }

  #authorize(request: StorageRequest): void {
    if (isSigned(request.query)) {
      verifySignedUrl(request, this.#options.verifier);
      return;
    }
    if (/^Bearer \S/i.test(headerOf(request.headers, 'authorization') ?? '')) return;
    const anonymous = !request.query.has('Signature');
    throw new StorageError({
      status: 403,
      reason: 'forbidden',
      code: 'AccessDenied',
      message: 'Access denied.',
      details: {
        Details: anonymous
          ? 'Anonymous caller does not have storage.objects access to the Google Cloud Storage object. Permission denied on resource (or it may not exist).'
          : 'The local server does not support V2 signatures. Sign with version v4.',
      },
    });
  }
}

function target(path: string): { readonly bucket: string; readonly name: string } {
  const [, bucket = '', name = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
  try {
    return { bucket: decodeURIComponent(bucket), name: decodeURIComponent(name) };
  } catch {
    throw invalid('Malformed percent-encoding.');
  }
}

function metadataFromHeaders({ headers }: StorageRequest): ObjectMetadata {
  const prefix = 'x-goog-meta-';
  const custom = Object.keys(headers)
    .filter((name) => name.startsWith(prefix))
    .map((name): [string, string] => [name.slice(prefix.length), headerOf(headers, name) ?? '']);
  return {
    contentType: headerOf(headers, 'content-type'),
    cacheControl: headerOf(headers, 'cache-control'),
    contentDisposition: headerOf(headers, 'content-disposition'),
    contentEncoding: headerOf(headers, 'content-encoding'),
    contentLanguage: headerOf(headers, 'content-language'),
    customTime: headerOf(headers, 'x-goog-custom-time'),
    storageClass: headerOf(headers, 'x-goog-storage-class'),
    ...(custom.length === 0 ? {} : { metadata: Object.fromEntries(custom) }),
  };
}

/** The XML API's response to an upload has only headers. Its ETag is the MD5 if there is one. */
function uploaded(object: StoredObject): StorageReply {
  const headers = objectHeaders(object);
  const md5 =
    object.md5Hash === undefined ? undefined : Buffer.from(object.md5Hash, 'base64').toString('hex');
  return emptyReply(200, {
    etag: md5 === undefined ? `"-${headers['etag']}"` : `"${md5}"`,
    'x-goog-generation': String(object.generation),
    'x-goog-metageneration': String(object.metageneration),
    'x-goog-hash': String(headers['x-goog-hash']),
    'x-goog-stored-content-encoding': String(headers['x-goog-stored-content-encoding']),
    'x-goog-stored-content-length': String(object.sizeBytes),
    'content-type': 'text/html; charset=UTF-8',
    'content-length': 0,
  });
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
