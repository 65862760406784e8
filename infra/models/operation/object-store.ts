/** A minimal Cloud Storage client (JSON API): the models read inputs and write results. */

export interface GcsLocation {
  readonly bucket: string;
  readonly name: string;
}

/** A permanent error of Cloud Storage: the bucket or object does not exist, or permission is denied. */
export class ObjectStoreRefusal extends Error {
  readonly httpStatus: number;

  constructor(httpStatus: number, message: string) {
    super(message);
    this.name = 'ObjectStoreRefusal';
    this.httpStatus = httpStatus;
  }
}

export class ObjectStore {
  readonly #baseUrl: string;

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
  }

  /** @throws {@link ObjectStoreRefusal}; other errors are transient */
  async read({ bucket, name }: GcsLocation, signal: AbortSignal): Promise<Buffer> {
    const path = `/storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(name)}?alt=media`;
    const response = await fetch(this.#baseUrl + path, { signal });
    await throwUnlessOk(response);
    return Buffer.from(await response.arrayBuffer());
  }

  /** Writes the object unless it already exists. @throws as `read` does */
  async createIfMissing(
    { bucket, name }: GcsLocation,
    bytes: Buffer,
    contentType: string,
    signal: AbortSignal,
  ): Promise<void> {
    const query = `uploadType=media&ifGenerationMatch=0&name=${encodeURIComponent(name)}`;
    const response = await fetch(
      `${this.#baseUrl}/upload/storage/v1/b/${encodeURIComponent(bucket)}/o?${query}`,
      { method: 'POST', headers: { 'content-type': contentType }, body: new Uint8Array(bytes), signal },
    );
    if (response.status === 412) await response.body?.cancel();
    else await throwUnlessOk(response);
  }
}

async function throwUnlessOk(response: Response): Promise<void> {
  if (response.ok) return;
  const text = (await response.text()).slice(0, 300);
  const isTransient = response.status >= 500 || response.status === 408 || response.status === 429;
  if (isTransient) throw new Error(`Cloud Storage returned ${response.status}: ${text}`);
  throw new ObjectStoreRefusal(response.status, text);
}

const GS_URI = /^gs:\/\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:\/(.*))?$/s;

/** Bucket and object name of a `gs://` URI; undefined if the URI is invalid. The name may be empty. */
export function parseGsUri(uri: string): GcsLocation | undefined {
  const match = GS_URI.exec(uri);
  return match?.[1] === undefined ? undefined : { bucket: match[1], name: match[2] ?? '' };
}
