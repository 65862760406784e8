/** A listening server of the local cloud. */
export interface RunningServer {
  readonly port: number;
  /** Stops listening and closes open connections. Everything that was acknowledged is already on disk. */
  readonly stop: () => Promise<void>;
}

/** Every server listens on loopback only, so that no other machine can reach the local cloud. */
export const LOOPBACK = '127.0.0.1';

/**
 * Idle connections stay open for longer than clients keep them. A connection that closes while a request is being sent
 * looks like a lost reply.
 */
export const KEEP_ALIVE_MS = 620_000;
