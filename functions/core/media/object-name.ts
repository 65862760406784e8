/** Length limits of Cloud Storage for bucket and object names. */

const NAME_BYTES_MAX = 1024;
const BUCKET_BYTES_MAX = 222;

export const NAME_TOO_LONG =
  `is too long for Cloud Storage: the limit is ${BUCKET_BYTES_MAX} bytes for the bucket and ` +
  `${NAME_BYTES_MAX} bytes of UTF-8 for the object name`;

/**
 * Whether the bucket and the object name are within the limits.
 * @param gcsUri `gs://bucket/name`
 * @param suffixBytes bytes that are appended to the name later
 */
export function isNameWithinLimits(gcsUri: string, suffixBytes = 0): boolean {
  const [, bucket = '', name = ''] = /^gs:\/\/([^/]*)\/?(.*)$/s.exec(gcsUri) ?? [];
  return bytesOf(bucket) <= BUCKET_BYTES_MAX && bytesOf(name) + suffixBytes <= NAME_BYTES_MAX;
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;
