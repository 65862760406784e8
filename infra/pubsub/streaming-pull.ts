/** StreamingPull: sends new messages and those whose lease has ended, and receives acknowledgements. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { toServiceError } from '../shared/grpc.ts';
import type { Broker } from './broker.ts';
import type { ReceivedMessage, StreamingPullRequest } from './protos.ts';

type Stream = ServerDuplexStream<StreamingPullRequest, { readonly receivedMessages: ReceivedMessage[] }>;

const BATCH = 100;

export const streamingPull =
  (broker: Broker, now: () => number, onBug: (error: unknown) => void) =>
  (stream: Stream): void => {
    let subscription: string | undefined;
    let leaseMs = 10_000;
    let maxOutstanding = Number.POSITIVE_INFINITY;
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      stop();
    };
    const fail = (error: unknown): void => {
      end();
      stream.emit('error', toServiceError(error, onBug));
    };
    const deliver = (): void => {
      if (subscription === undefined) return;
      try {
        const capacity = Math.max(0, maxOutstanding - broker.leases(subscription).count);
        const receivedMessages = broker.lease(subscription, Math.min(BATCH, capacity), leaseMs);
        if (receivedMessages.length > 0) stream.write({ receivedMessages });
        const { nextEndMs } = broker.leases(subscription);
        clearTimeout(timer);
        if (receivedMessages.length === BATCH) timer = setTimeout(deliver, 0);
        else if (nextEndMs !== undefined) timer = setTimeout(deliver, Math.max(1, nextEndMs - now()));
      } catch (error) {
        fail(error);
      }
    };
    const stop = broker.watch(deliver);
    stream.on('data', (request: StreamingPullRequest) => {
      try {
        if (subscription === undefined) {
          subscription = request.subscription ?? '';
          broker.subscription(subscription);
          leaseMs = (request.streamAckDeadlineSeconds ?? 10) * 1000;
          maxOutstanding = request.maxOutstandingMessages || maxOutstanding;
        }
        broker.acknowledge(subscription, request.ackIds ?? []);
        const { modifyDeadlineAckIds: ids = [], modifyDeadlineSeconds: seconds = [] } = request;
        for (const [n, id] of ids.entries()) broker.modifyDeadline(subscription, [id], seconds[n] ?? 0);
        deliver();
      } catch (error) {
        fail(error);
      }
    });
    stream.on('end', () => {
      end();
      stream.end();
    });
    stream.on('cancelled', end);
    stream.on('error', end);
  };
