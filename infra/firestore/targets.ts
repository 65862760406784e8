/** Listen targets: single documents, or the results of a query. */

import { type Changes, type Database, inScope, type StoredDocument } from './documents.ts';
import type { FieldPath } from './field-path.ts';
import type { TargetMessage } from './messages.ts';
import { planQuery, type QueryPlan } from './query-plan.ts';
import { isCandidate, runQuery } from './query-run.ts';
import { invalid } from './refusals.ts';
import { checkSameDatabase, parseDocumentName } from './resource-names.ts';
import type { Micros } from './timestamps.ts';

/** The documents of a target by name. */
export type TargetDocuments = Map<string, StoredDocument>;

export interface Target {
  /** The documents now or at an earlier time. */
  readonly documents: (at?: Micros) => TargetDocuments;
  /** The documents after a commit, given those before it. Returns the same map if the commit does not affect them. */
  readonly after: (changes: Changes, before: TargetDocuments) => TargetDocuments;
  /** Undefined: all fields. */
  readonly projection: readonly FieldPath[] | undefined;
  /** Names of documents whose absence is also reported. */
  readonly names: readonly string[];
}

/** Throws INVALID_ARGUMENT for an invalid target. */
export function planTarget(message: TargetMessage, database: Database): Target {
  if (message.targetType === 'documents') return documentsTarget(message.documents.documents, database);
  if (message.targetType === 'query')
    return queryTarget(planQuery(message.query.parent, message.query), database);
  return invalid('A target must name documents or a query.');
}

function documentsTarget(names: readonly string[], database: Database): Target {
  for (const name of names) checkSameDatabase(database.name, parseDocumentName(name));
  const documents = (at?: Micros): TargetDocuments => {
    const found: TargetDocuments = new Map();
    for (const name of names) {
      const document = database.get(name, at);
      if (document) found.set(name, document);
    }
    return found;
  };
  return {
    names,
    projection: undefined,
    documents,
    after: (changes, before) => (names.some((name) => changes.has(name)) ? documents() : before),
  };
}

function queryTarget(plan: QueryPlan, database: Database): Target {
  if (plan.database !== database.name) invalid('The query belongs to another database than the stream.');
  const documents = (at?: Micros): TargetDocuments =>
    new Map(runQuery(database, plan, at).documents.map((document) => [document.name, document]));
  // Without these, whether a document is in the result does not depend on other documents.
  const isWindow = plan.limit !== undefined || plan.offset > 0 || plan.nearest !== undefined;
  return {
    names: [],
    projection: plan.projection,
    documents,
    after: (changes, before) => {
      if (isWindow) return affects(changes, before, plan) ? documents() : before;
      let after = before;
      for (const [name, document] of changes) {
        const isIn =
          document && inScope(plan.scope, document.path.slice(0, -1)) && isCandidate(plan, document);
        if (!isIn && !before.has(name)) continue;
        if (after === before) after = new Map(before);
        if (isIn) after.set(name, document);
        else after.delete(name);
      }
      return after;
    },
  };
}

function affects(changes: Changes, before: TargetDocuments, plan: QueryPlan): boolean {
  for (const [name, document] of changes)
    if (before.has(name) || (document && inScope(plan.scope, document.path.slice(0, -1)))) return true;
  // With an offset, deleting a skipped document shifts the window.
  return plan.offset > 0 && [...changes.values()].includes(undefined);
}
