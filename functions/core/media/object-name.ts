/** Names of objects in Cloud Storage, as long as it allows them to be. */

const NAME_BYTES_MAX = 1024;
const BUCKET_BYTES_MAX = 222;

export const TOO_LONG_A_NAME =
  `is longer than Cloud Storage allows: ${BUCKET_BYTES_MAX} bytes of bucket, ` +
  `${NAME_BYTES_MAX} bytes of name in UTF-8`;

/**
 * Whether there can be an object of this name.
 * @param gcsUri `gs://bucket/name`
 * @param roomBytes for what is still to be put behind it
 */
export function isPossibleName(gcsUri: string, roomBytes = 0): boolean {
  const [, bucket = '', name = ''] = /^gs:\/\/([^/]*)\/?(.*)$/s.exec(gcsUri) ?? [];
  return bytesOf(bucket) <= BUCKET_BYTES_MAX && bytesOf(name) + roomBytes <= NAME_BYTES_MAX;
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;
