/**
 * google.firestore.v1 without the client library, for requests that the library would not send, and for the plain
 * status of a response, which the library retries or wraps.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { Client, credentials, Metadata, type ServiceDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const require = createRequire(import.meta.url);

const service = loadSync('google/firestore/v1/firestore.proto', {
  includeDirs: [
    path.join(path.dirname(require.resolve('@google-cloud/firestore/package.json')), 'build/protos'),
  ],
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
})['google.firestore.v1.Firestore'] as ServiceDefinition;

export interface RawReply {
  /** gRPC status; 0 is OK. */
  readonly code: number;
  readonly details: string;
  /** One message for a unary method, any number for a stream. */
  readonly messages: readonly RawMessage[];
}

/** A decoded message: fields in camelCase, with defaults for absent fields. */
export type RawMessage = { readonly [field: string]: unknown };

const DEADLINE_MS = 10_000;

export class RawClient {
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(host: string, database: string) {
    this.#client = new Client(host, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
    });
    this.#metadata.set('authorization', 'Bearer owner');
    // The official emulator reads the database of a stream from here.
    this.#metadata.set('google-cloud-resource-prefix', database);
  }

  /** Calls a method by its proto name, e.g. `RunQuery`. Never rejects. */
  call(method: string, request: object): Promise<RawReply> {
    const definition = service[method];
    if (!definition) throw new Error(`no method ${method}`);
    const { path: route, requestSerialize, responseDeserialize, responseStream } = definition;
    const options = { deadline: Date.now() + DEADLINE_MS };
    return new Promise((resolve) => {
      if (!responseStream) {
        this.#client.makeUnaryRequest(
          route,
          requestSerialize,
          responseDeserialize,
          request,
          this.#metadata,
          options,
          (error, message) => resolve(error ? failure(error) : success(message ? [message] : [])),
        );
        return;
      }
      const messages: RawMessage[] = [];
      this.#client
        .makeServerStreamRequest(
          route,
          requestSerialize,
          responseDeserialize,
          request,
          this.#metadata,
          options,
        )
        .on('data', (message: RawMessage) => messages.push(message))
        .on('error', (error: ServiceError) => resolve(failure(error)))
        .on('end', () => resolve(success(messages)));
    });
  }

  /** Opens the Listen or Write stream, sends the requests and passes every response to `onMessage`. */
  open(
    method: 'Listen' | 'Write',
    onMessage: (message: RawMessage) => void,
  ): {
    readonly send: (request: object) => void;
    readonly close: () => void;
    readonly status: Promise<number>;
  } {
    const definition = service[method];
    if (!definition) throw new Error(`no method ${method}`);
    const stream = this.#client.makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      this.#metadata,
    );
    stream.on('data', onMessage);
    const status = new Promise<number>((resolve) => {
      stream.on('status', ({ code }: { code: number }) => resolve(code));
    });
    stream.on('error', () => {});
    return { send: (request) => stream.write(request), close: () => stream.cancel(), status };
  }

  close(): void {
    this.#client.close();
  }
}

const failure = ({ code, details }: ServiceError): RawReply => ({ code, details, messages: [] });
const success = (messages: readonly RawMessage[]): RawReply => ({ code: 0, details: '', messages });
