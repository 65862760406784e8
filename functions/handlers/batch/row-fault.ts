/** The faults of a row, as the batch stores and reports them. */
import type { RowFault } from '../../core/batch/batch.ts';
import type { RawRecord } from '../../core/manifest/record-reader.ts';
import { type FieldError, invalidRequest, isWithin } from '../../core/problem.ts';
import { fieldOf } from '../../core/shown.ts';

/** A fault quotes the row, which may have a megabyte, and the first faults are stored in the batch's record. */
const FAULT_CHARACTERS_MAX = 1_000;
const FIELD_CHARACTERS_MAX = 500;
const FIELDS_MAX = 20;

const shortened = (text: string, charactersMax: number): string =>
  text.length <= charactersMax ? text : `${text.slice(0, charactersMax)}…`;

export interface FieldFaults {
  readonly fault: string;
  readonly errors: readonly FieldError[];
}

/** One fault for each field, in the order of the errors. */
export function faultOfFields(given: readonly FieldError[]): FieldFaults {
  const details = new Map<string, string[]>();
  for (const { field, detail } of given) {
    const before = details.get(field) ?? [];
    if (!before.includes(detail)) details.set(field, [...before, detail]);
  }
  const errors = [...details].map(([field, all]) => ({ field, detail: all.join(' ') }));
  return { fault: invalidRequest(errors).problem.detail, errors };
}

/** The errors of the row, and those of its request that are about other fields. A column may have filled a variable. */
export function withOthers(row: readonly FieldError[], request: readonly FieldError[]): FieldError[] {
  const isKnown = (field: string): boolean =>
    row.some(
      (error) =>
        isWithin(field, error.field) ||
        isWithin(error.field, field) ||
        field === fieldOf(['variables', error.field]),
    );
  return [...row, ...request.filter(({ field }) => !isKnown(field))];
}

export function rowFaultOf(
  { row, line }: RawRecord,
  { fault, errors = [] }: { readonly fault: string; readonly errors?: readonly FieldError[] },
): RowFault {
  const fields = errors
    .slice(0, FIELDS_MAX)
    .map(({ field, detail }) => ({ field, detail: shortened(detail, FIELD_CHARACTERS_MAX) }));
  return {
    ...{ row, line, fault: shortened(fault, FAULT_CHARACTERS_MAX) },
    ...(fields.some(({ field }) => field !== '') ? { errors: fields } : {}),
  };
}
