/** Shared by the gRPC servers of the local cloud: errors with a status, and binding to loopback. */
import * as grpc from '@grpc/grpc-js';

/** A response with a status other than OK. Any other error that a handler throws is a bug and becomes INTERNAL. */
export class GrpcError extends Error {
  readonly code: grpc.status;

  constructor(code: grpc.status, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.code = code;
  }
}

/** Throws a {@link GrpcError}. Usable as an expression: `map.get(k) ?? refuse(…)`. */
export function refuse(code: grpc.status, message: string): never {
  throw new GrpcError(code, message);
}

/** The error in the form that grpc-js sends. Errors other than {@link GrpcError} also go to `onBug`. */
export function toServiceError(error: unknown, onBug: (error: unknown) => void): Partial<grpc.ServiceError> {
  if (error instanceof GrpcError) return { code: error.code, details: error.message };
  onBug(error);
  return { code: grpc.status.INTERNAL, details: error instanceof Error ? error.message : String(error) };
}

/** Binds to `host:port` without TLS and resolves to the port. Port 0 picks a free one. */
export function bindInsecure(server: grpc.Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
}
