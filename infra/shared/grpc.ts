/** What the gRPC servers of the local cloud share: errors with a status, handlers, binding to loopback. */
import * as grpc from '@grpc/grpc-js';

/** An answer other than OK. Anything else that a handler throws is a bug and is answered INTERNAL. */
export class GrpcError extends Error {
  readonly code: grpc.status;

  constructor(code: grpc.status, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.code = code;
  }
}

/** Throws a {@link GrpcError}; usable as an expression: `map.get(k) ?? refuse(…)`. */
export function refuse(code: grpc.status, message: string): never {
  throw new GrpcError(code, message);
}

/** What grpc-js wants to be told of a failure. Bugs are passed to `onBug` besides. */
export function toServiceError(error: unknown, onBug: (error: unknown) => void): Partial<grpc.ServiceError> {
  if (error instanceof GrpcError) return { code: error.code, details: error.message };
  onBug(error);
  return { code: grpc.status.INTERNAL, details: error instanceof Error ? error.message : String(error) };
}

/** Binds to `host:port` (0 picks a free port) without TLS and resolves to the port. */
export function bindInsecure(server: grpc.Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
}
