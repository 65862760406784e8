/** A listening server of the local cloud. */
export interface RunningServer {
  readonly port: number;
  /** Stops listening and closes open connections. Everything that was acknowledged is already on disk. */
  readonly stop: () => Promise<void>;
}

/** Every server listens on loopback only, so that no other machine can reach the local cloud. */
export const LOOPBACK = '127.0.0.1';
