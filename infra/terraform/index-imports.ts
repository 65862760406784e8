/**
 * A restored database brings its indexes, so Terraform must import them: creating an index that exists fails. This maps
 * the indexes of a database to the addresses in `terraform/firestore.tf`.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/** What `gcloud firestore indexes composite list --format json` prints, as far as it is needed. */
const listedSchema = z.array(
  z.object({
    /** `projects/P/databases/D/collectionGroups/COLLECTION/indexes/ID` */
    name: z.string().regex(/\/collectionGroups\/[^/]+\/indexes\/[^/]+$/),
    fields: z.array(z.object({ fieldPath: z.string(), order: z.string().optional() })),
  }),
);

export interface IndexImports {
  /** Address and id of each index that the module has and the database too. */
  readonly imports: readonly { readonly address: string; readonly id: string }[];
  /** Addresses that the database lacks; the apply creates them. */
  readonly missing: readonly string[];
}

/** @param listed the parsed JSON of gcloud @throws ZodError if it is not a list of indexes */
export function indexImports(listed: unknown, moduleDir: string): IndexImports {
  const existing = new Map(
    listedSchema.parse(listed).map(({ name, fields }) => {
      // Google appends the document's name to every index.
      const own = fields.filter(({ fieldPath }) => fieldPath !== '__name__');
      const collection = name.split('/').at(-3) ?? '';
      return [
        keyOf(
          collection,
          own.map(({ fieldPath, order }) => `${fieldPath} ${order}`),
        ),
        name,
      ] as const;
    }),
  );
  const text = readFileSync(path.join(moduleDir, 'firestore.tf'), 'utf8');
  const planned = [...text.matchAll(/^ {4}(\w+)\s+= \{ collection = "(\w+)", fields = \[(.+)\] \}/gm)].map(
    ([, name = '', collection = '', fields = '']) => ({
      address: `google_firestore_index.this["${name}"]`,
      id: existing.get(
        keyOf(
          collection,
          [...fields.matchAll(/\["(\w+)", "(\w+)"\]/g)].map(([, field, order]) => `${field} ${order}`),
        ),
      ),
    }),
  );
  return {
    imports: planned.flatMap(({ address, id }) => (id === undefined ? [] : [{ address, id }])),
    missing: planned.flatMap(({ address, id }) => (id === undefined ? [address] : [])),
  };
}

const keyOf = (collection: string, fields: readonly string[]): string =>
  `${collection}: ${fields.join(', ')}`;
