/** An object event as the CloudEvent that Eventarc delivers, in binary content mode: attributes are `ce-` headers. */
import type { ObjectEvent, ObjectEventType } from '../storage/resources.ts';

export type StorageEventType = `google.cloud.storage.object.v1.${ObjectEventType}`;

/** The message, the same in every delivery attempt. The authorization header is added per attempt. */
export interface CloudEventMessage {
  /** `ce-id`. */
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  /** StorageObjectData as JSON. int64 values are strings. */
  readonly body: string;
}

export const eventTypeOf = (event: ObjectEvent): StorageEventType =>
  `google.cloud.storage.object.v1.${event.type}`;

export function cloudEventMessage(event: ObjectEvent, id: string, timeMs: number): CloudEventMessage {
  const { bucket, name } = event.object;
  return {
    id,
    headers: {
      'ce-id': id,
      'ce-source': `//storage.googleapis.com/projects/_/buckets/${bucket}`,
      'ce-specversion': '1.0',
      'ce-type': eventTypeOf(event),
      'ce-subject': attribute(`objects/${name}`),
      'ce-time': new Date(timeMs).toISOString(),
      'ce-bucket': bucket,
      'content-type': 'application/json',
    },
    body: JSON.stringify(event.object),
  };
}

/** The CloudEvents HTTP binding percent-encodes non-ASCII characters, spaces, double quotes and percent signs. */
const attribute = (text: string): string =>
  text.replaceAll(/[^\x21-\x7e]|["%]/gu, (char) =>
    Buffer.from(char).toString('hex').toUpperCase().replaceAll(/../g, '%$&'),
  );
