/** Nearest-neighbour search over vectors. It compares the query vector with every candidate. */

import { storableValue } from './document-checks.ts';
import type { StoredDocument } from './documents.ts';
import { type FieldPath, getField, parseFieldPath, withField } from './field-path.ts';
import type { DistanceMeasure, FindNearestMessage, Value } from './messages.ts';
import { invalid } from './refusals.ts';
import { doubleValue, isVector, vectorElements } from './values.ts';

export interface NearestPlan {
  readonly path: FieldPath;
  readonly vector: readonly number[];
  readonly measure: DistanceMeasure;
  readonly limit: number;
  readonly threshold: number | undefined;
  /** The field of the result that receives the distance. */
  readonly resultPath: FieldPath | undefined;
}

const MAX_LIMIT = 1000;

/** Throws INVALID_ARGUMENT. */
export function planNearest(message: FindNearestMessage): NearestPlan {
  const { queryVector, distanceMeasure, distanceThreshold, distanceResultField } = message;
  if (queryVector?.valueType !== 'mapValue' || !isVector(queryVector))
    return invalid('The query vector must be a vector value.');
  storableValue(queryVector, 'query_vector');
  if (distanceMeasure === 'DISTANCE_MEASURE_UNSPECIFIED') invalid('Distance measure must be specified.');
  const limit = message.limit?.value ?? 0;
  if (limit < 1 || limit > MAX_LIMIT) invalid(`FindNearest limit must be between 1 and ${MAX_LIMIT}.`);
  return {
    path: parseFieldPath(message.vectorField?.fieldPath ?? ''),
    vector: numbers(vectorElements(queryVector)),
    measure: distanceMeasure,
    limit,
    threshold: distanceThreshold?.value,
    resultPath: distanceResultField === '' ? undefined : parseFieldPath(distanceResultField),
  };
}

/** The nearest documents, nearest first. Documents without a vector of the same dimension are skipped. */
export function nearest(plan: NearestPlan, documents: readonly StoredDocument[]): readonly StoredDocument[] {
  // For the dot product a larger value is nearer, so the order and the threshold are reversed.
  const direction = plan.measure === 'DOT_PRODUCT' ? -1 : 1;
  const found: { readonly document: StoredDocument; readonly distance: number }[] = [];
  for (const document of documents) {
    const value = getField(document.fields, plan.path);
    if (!value || !isVector(value)) continue;
    const vector = numbers(vectorElements(value));
    if (vector.length !== plan.vector.length) continue;
    const distance = distanceBetween(plan.measure, plan.vector, vector);
    if (plan.threshold !== undefined && (distance - plan.threshold) * direction > 0) continue;
    found.push({ document, distance });
  }
  return found
    .sort((a, b) => (a.distance - b.distance) * direction)
    .slice(0, plan.limit)
    .map(({ document, distance }) =>
      plan.resultPath
        ? { ...document, fields: withField(document.fields, plan.resultPath, doubleValue(distance)) }
        : document,
    );
}

const numbers = (values: readonly Value[]): readonly number[] =>
  values.map((value) => (value.valueType === 'doubleValue' ? value.doubleValue : Number.NaN));

function distanceBetween(measure: DistanceMeasure, a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, n, i) => sum + n * (y[i] ?? 0), 0);
  if (measure === 'DOT_PRODUCT') return dot(a, b);
  if (measure === 'COSINE') return 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  return Math.sqrt(a.reduce((sum, n, i) => sum + (n - (b[i] ?? 0)) ** 2, 0));
}
