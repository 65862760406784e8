/** The error that most modules of this server throw. */
import { status } from '@grpc/grpc-js';
import { refuse } from '../shared/grpc.ts';

/** Throws INVALID_ARGUMENT. */
export function invalid(message: string): never {
  return refuse(status.INVALID_ARGUMENT, message);
}
