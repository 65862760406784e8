/** Edited copies of functions/, from which a subject is loaded. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SMALL_STEPS } from './batches/small-steps.ts';
import { FUNCTIONS_ROOT } from './subject.ts';
import type { WorldName } from './worlds.ts';

/** Inside node_modules, so that imports resolve as they do from functions/. Each process has its own folder. */
const CACHE = fileURLToPath(
  new URL(`../../node_modules/.cache/clapper-mutants/${process.pid}/`, import.meta.url),
);

export interface Edit {
  /** The path below functions/. */
  readonly file: string;
  /** Must occur exactly once in the file. A test fails when a change of the code removes or repeats it. */
  readonly find: string;
  readonly replace: string;
}

/** Edits that every run of a world has. Runs of `batches` are small, so the steps of a batch have to be small too. */
const EDITS: Readonly<Record<WorldName, readonly Edit[]>> = { jobs: [], batches: SMALL_STEPS };

/** How often `find` occurs in the file. The edit is valid only if the number is 1. */
export const occurrencesOf = ({ file, find }: Edit): number =>
  readFileSync(join(FUNCTIONS_ROOT, file), 'utf8').split(find).length - 1;

/**
 * @param name the name of the copy
 * @returns the folder that replaces functions/
 */
function plant(name: string, edits: readonly Edit[], from: string = FUNCTIONS_ROOT): string {
  const home = join(CACHE, name);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  // The package.json of the repository, which declares ES modules, does not apply inside node_modules.
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  const root = join(home, 'functions');
  cpSync(from, root, { recursive: true });
  for (const { file, find, replace } of edits) {
    const path = join(root, file);
    const source = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      source.replace(find, () => replace),
    );
  }
  return root;
}

export const plantMutant = (world: WorldName, mutation: Edit, number: number): string =>
  plant(`${world}-${number}`, [...EDITS[world], mutation]);

/** The code with the edits of this world. @param from functions/ or a copy of it */
export const plantFor = (world: WorldName, from: string = FUNCTIONS_ROOT): string =>
  EDITS[world].length === 0 ? from : plant(world, EDITS[world], from);

export const removePlanted = (): void => rmSync(CACHE, { recursive: true, force: true });
