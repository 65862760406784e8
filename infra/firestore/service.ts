/** The gRPC methods of google.firestore.v1.Firestore. */
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { refuse, toServiceError } from '../shared/grpc.ts';
import { ListenStream } from './listen.ts';
import type { ListenRequest, ListenResponse, WriteStreamRequest } from './messages.ts';
import * as mutations from './mutations.ts';
import * as reads from './reads.ts';
import type { Store } from './store.ts';

/** Clients treat two minutes of silence on a listen stream as a broken connection. */
const HEARTBEAT_MS = 30_000;

export function firestoreMethods(
  store: Store,
  onBug: (error: unknown) => void,
): UntypedServiceImplementation {
  const unary =
    <Request>(method: (store: Store, request: Request) => unknown): handleUnaryCall<Request, unknown> =>
    (call, callback) => {
      try {
        callback(null, method(store, call.request));
      } catch (error) {
        callback(toServiceError(error, onBug));
      }
    };

  const streaming =
    <Request>(
      method: (store: Store, request: Request) => Iterable<unknown>,
    ): handleServerStreamingCall<Request, unknown> =>
    (call) => {
      send(call, () => method(store, call.request)).catch((error: unknown) => {
        call.emit('error', toServiceError(error, onBug));
      });
    };

  return {
    getDocument: unary(reads.getDocument),
    batchGetDocuments: streaming(reads.batchGetDocuments),
    runQuery: streaming(reads.runQueryMethod),
    runAggregationQuery: streaming(reads.runAggregationQuery),
    partitionQuery: unary(reads.partitionQuery),
    listDocuments: unary(reads.listDocuments),
    listCollectionIds: unary(reads.listCollectionIds),
    beginTransaction: unary(mutations.beginTransaction),
    commit: unary(mutations.commit),
    rollback: unary(mutations.rollback),
    batchWrite: unary(mutations.batchWrite),
    createDocument: unary(mutations.createDocument),
    updateDocument: unary(mutations.updateDocument),
    deleteDocument: unary(mutations.deleteDocument),
    listen: listenMethod(store, onBug),
    write: writeMethod(store, onBug),
    executePipeline: streaming(() =>
      refuse(status.UNIMPLEMENTED, 'Pipelines are not supported; they belong to the Enterprise edition.'),
    ),
  };
}

/** Writes no faster than the client reads. All messages come from the snapshot at the start of the call. */
async function send<Request>(
  call: ServerWritableStream<Request, unknown>,
  messages: () => Iterable<unknown>,
): Promise<void> {
  for (const message of messages()) {
    if (call.cancelled) return;
    if (!call.write(message)) await drained(call);
  }
  call.end();
}

/** Resolves when the stream accepts more data, or when the call was cancelled. */
function drained(call: ServerWritableStream<unknown, unknown>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      call.off('cancelled', done);
      resolve();
    };
    call.once('drain', done);
    call.once('cancelled', done);
  });
}

function listenMethod(
  store: Store,
  onBug: (error: unknown) => void,
): handleBidiStreamingCall<ListenRequest, ListenResponse> {
  return (call) => {
    const stream = new ListenStream(store, (response) => call.write(response));
    const heartbeat = setInterval(() => stream.heartbeat(), HEARTBEAT_MS).unref();
    const close = (): void => {
      clearInterval(heartbeat);
      stream.close();
    };
    call.on('data', (request: ListenRequest) => {
      try {
        stream.handle(request);
      } catch (error) {
        close();
        call.emit('error', toServiceError(error, onBug));
      }
    });
    call.on('cancelled', close);
    call.on('error', close);
    call.on('end', () => {
      close();
      call.end();
    });
  };
}

/** The first request opens the stream. Each later request is a commit. */
function writeMethod(
  store: Store,
  onBug: (error: unknown) => void,
): handleBidiStreamingCall<WriteStreamRequest, unknown> {
  return (call) => {
    let database: string | undefined;
    let commits = 0;
    call.on('data', (request: WriteStreamRequest) => {
      try {
        const streamToken = Buffer.from(String(commits++));
        if (database === undefined) {
          database = request.database;
          call.write({ streamId: 'writes', streamToken });
          return;
        }
        const reply = mutations.commit(store, {
          database,
          writes: request.writes,
          transaction: Buffer.alloc(0),
        });
        call.write({ ...reply, streamToken });
      } catch (error) {
        call.emit('error', toServiceError(error, onBug));
      }
    });
    call.on('error', () => {});
    call.on('end', () => call.end());
  };
}
