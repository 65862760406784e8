/** A server of the local cloud that is listening. */
export interface RunningServer {
  readonly port: number;
  /** Stops listening and ends open connections. What was acknowledged is already on disk. */
  readonly stop: () => Promise<void>;
}

/** Loopback: nothing of the local cloud is reachable from another machine. */
export const LOOPBACK = '127.0.0.1';
