/** Turns a transport fault into the reply that the client receives. */

import { quotaMessage } from '../http/quota.ts';
import { bytesReply, errorReply, jsonReply, type Reply } from '../http/reply.ts';
import type { TransportFault } from './fault-rules.ts';

type ReplyFault = Exclude<TransportFault, { kind: 'torn' }>;

/** Runs `work` and returns its reply. A fault replaces that reply, and may also prevent the work. */
export async function answerWithFault(
  fault: TransportFault | undefined,
  model: string,
  work: () => Promise<Reply> | Reply,
): Promise<Reply> {
  if (fault === undefined) return work();
  if (fault.kind !== 'torn' && preventsWork(fault)) return faultReply(fault, model);
  const reply = await work();
  return fault.kind === 'torn' ? truncate(reply) : faultReply(fault, model);
}

/** Error replies stay whole: only a body with media is truncated. */
function truncate(reply: Reply): Reply {
  if (reply.kind !== 'send' || reply.status >= 300) return reply;
  return { kind: 'truncated', reply, sentBytes: Math.floor(reply.body.length / 2) };
}

function preventsWork(fault: ReplyFault): boolean {
  switch (fault.kind) {
    case 'http':
    case 'reset':
    case 'hang':
      return fault.when !== 'after-accept';
    case 'not-json':
    case 'no-name':
      return fault.when === 'before-accept';
  }
}

function faultReply(fault: ReplyFault, model: string): Reply {
  switch (fault.kind) {
    case 'reset':
    case 'hang':
      return { kind: fault.kind };
    case 'not-json':
      return bytesReply(
        Buffer.from('<html><body>upstream connect error</body></html>'),
        'text/html; charset=UTF-8',
      );
    case 'no-name':
      return jsonReply({});
    case 'http': {
      const headers: Record<string, string> =
        fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) };
      return errorReply(fault.status, fault.message ?? messageOf(fault.status, model), [], headers);
    }
  }
}

function messageOf(status: number, model: string): string {
  switch (status) {
    case 404:
      return 'Operation not found.';
    case 429:
      return quotaMessage(model);
    case 500:
      return 'Internal error encountered.';
    case 503:
      return 'The service is currently unavailable.';
    default:
      return `Simulated status ${status}.`;
  }
}
