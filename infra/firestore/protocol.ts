/**
 * The google.firestore.v1 service and the document codec, read from the official client's proto files. This is the only
 * place where untyped messages become the types of `messages.ts`.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { DocumentMessage } from './messages.ts';

const require = createRequire(import.meta.url);

const definition: PackageDefinition = loadSync('google/firestore/v1/firestore.proto', {
  includeDirs: [
    path.join(path.dirname(require.resolve('@google-cloud/firestore/package.json')), 'build/protos'),
  ],
  longs: String,
  enums: String,
  oneofs: true,
  defaults: true,
});

export const firestoreService = definition['google.firestore.v1.Firestore'] as ServiceDefinition;

interface DocumentCodec {
  readonly serialize: (document: DocumentMessage) => Buffer;
  readonly deserialize: (bytes: Buffer) => DocumentMessage;
}

const codec = definition['google.firestore.v1.Document'] as unknown as DocumentCodec;

/** Encodes a document as protobuf. Unlike JSON this preserves int64, NaN, -0 and bytes. */
export const encodeDocument = (document: DocumentMessage): Buffer => codec.serialize(document);
export const decodeDocument = (bytes: Buffer): DocumentMessage => codec.deserialize(bytes);
