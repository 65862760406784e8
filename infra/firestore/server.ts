/**
 * Firestore for the local cloud: google.firestore.v1 over gRPC, for the unmodified client libraries
 * (`FIRESTORE_EMULATOR_HOST`, or the settings `{host, ssl: false}`).
 */
import { Server } from '@grpc/grpc-js';
import { bindInsecure } from '../shared/grpc.ts';
import { LOOPBACK, type RunningServer } from '../shared/running-server.ts';
import { type Persistence, persist } from './persistence.ts';
import { firestoreService } from './protocol.ts';
import { firestoreMethods } from './service.ts';
import { Store } from './store.ts';

export interface FirestoreOptions {
  /** Default 0: a free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Folder of the journal. Without it documents are only in memory. */
  readonly stateDir?: string;
  /** The time in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Called with unexpected errors. Default: writes them to standard error. */
  readonly onBug?: (error: unknown) => void;
}

export interface RunningFirestore extends RunningServer {
  /** Deletes all documents of all databases and ends all transactions. Listeners see the deletion. */
  readonly reset: () => void;
}

/** The service's limit on request size. */
const MAX_REQUEST_BYTES = 10 * 1024 * 1024;

/** Starts the server on loopback. Rejects when the port is in use or the state cannot be read. */
export async function startFirestore(options: FirestoreOptions = {}): Promise<RunningFirestore> {
  const onBug = options.onBug ?? ((error) => process.stderr.write(`firestore: ${describe(error)}\n`));
  const store = new Store(options.now ?? Date.now);
  const persistence: Persistence | undefined =
    options.stateDir === undefined ? undefined : persist(store, options.stateDir);
  const server = new Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_send_message_length': -1,
  });
  server.addService(firestoreService, firestoreMethods(store, onBug));
  let port: number;
  try {
    port = await bindInsecure(server, options.host ?? LOOPBACK, options.port ?? 0);
  } catch (error) {
    persistence?.close();
    throw error;
  }
  return {
    port,
    reset: () => {
      store.clear();
      persistence?.compact();
    },
    stop: async () => {
      server.forceShutdown();
      store.setRecorder(() => {});
      persistence?.close();
    },
  };
}

const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
