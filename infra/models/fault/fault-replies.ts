/** How a transport fault looks from outside. */

import { quotaMessage } from '../http/quota.ts';
import { bytesReply, errorReply, jsonReply, type Reply } from '../http/reply.ts';
import type { TransportFault } from './fault-rules.ts';

type UntornFault = Exclude<TransportFault, { kind: 'torn' }>;

/**
 * Runs `work` and answers what it answers, unless there is a fault: then, before or after the work, what the fault
 * makes of it.
 */
export async function answerWithFault(
  fault: TransportFault | undefined,
  model: string,
  work: () => Promise<Reply> | Reply,
): Promise<Reply> {
  if (fault === undefined) return work();
  if (fault.kind !== 'torn' && happensBefore(fault)) return faultReply(fault, model);
  const reply = await work();
  return fault.kind === 'torn' ? tear(reply) : faultReply(fault, model);
}

/** Only a body with media in it is torn, not a refusal. */
function tear(reply: Reply): Reply {
  if (reply.kind !== 'send' || reply.status >= 300) return reply;
  return { kind: 'torn', reply, sentBytes: Math.floor(reply.body.length / 2) };
}

function happensBefore(fault: UntornFault): boolean {
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

function faultReply(fault: UntornFault, model: string): Reply {
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
