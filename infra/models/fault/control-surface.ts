/** Control routes for tests: the ledger of paid calls, and the fault rules. */
import { z } from 'zod';
import { errorReply, jsonReply, type SentReply } from '../http/reply.ts';
import type { Call, Route } from '../http/router.ts';
import type { PaidCall } from '../operation/paid-calls.ts';
import { type FaultRuleSet, parseFaultRules } from './fault-rules.ts';

export interface ControlOptions {
  readonly paidCalls: () => readonly PaidCall[];
  readonly faults: FaultRuleSet;
}

export function controlRoutes({ paidCalls, faults }: ControlOptions): readonly Route[] {
  const path = /^\/_control\/faults$/;
  return [
    {
      method: 'GET',
      path: /^\/_control\/paid-calls$/,
      handle: () => jsonReply({ paidCalls: paidCalls() }),
    },
    { method: 'GET', path, handle: () => jsonReply({ rules: faults.list() }) },
    { method: 'POST', path, handle: (call) => addRules(faults, call) },
    {
      method: 'DELETE',
      path,
      handle: () => {
        faults.clear();
        return jsonReply({ rules: [] });
      },
    },
  ];
}

function addRules(faults: FaultRuleSet, call: Call): SentReply {
  try {
    for (const rule of parseFaultRules(JSON.parse(call.body.toString('utf8')))) faults.add(rule);
    return jsonReply({ rules: faults.list() });
  } catch (error) {
    if (error instanceof z.ZodError) return errorReply(400, z.prettifyError(error));
    if (error instanceof SyntaxError) return errorReply(400, `Not JSON: ${error.message}`);
    throw error;
  }
}
