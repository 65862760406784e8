/** Copies of functions/ with edits in them, from which a subject is loaded. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SMALL_STEPS } from './batches/small-steps.ts';
import { FUNCTIONS_ROOT } from './subject.ts';
import type { WorldName } from './worlds.ts';

/** Below node_modules, so that imports resolve as they do from functions/ itself; one for each process that asks. */
const CACHE = fileURLToPath(
  new URL(`../../node_modules/.cache/clapper-mutants/${process.pid}/`, import.meta.url),
);

export interface Edit {
  /** Below functions/. */
  readonly file: string;
  /** Stands there exactly once, so that a change of the code that makes an edit void is noticed. */
  readonly find: string;
  readonly replace: string;
}

/** What is always edited in a world: its runs are small, and so have to be the steps of what they try. */
const EDITS: Readonly<Record<WorldName, readonly Edit[]>> = { jobs: [], batches: SMALL_STEPS };

/** How often the place to be changed is there; anything but once makes the edit void. */
export const occurrencesOf = ({ file, find }: Edit): number =>
  readFileSync(join(FUNCTIONS_ROOT, file), 'utf8').split(find).length - 1;

/**
 * @param name of the copy
 * @returns the folder that stands for functions/
 */
function plant(name: string, edits: readonly Edit[], from: string = FUNCTIONS_ROOT): string {
  const home = join(CACHE, name);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  // Inside node_modules nothing says any more that the files are modules.
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

/** The code as it is tried in this world. @param from functions/, or a copy of it */
export const plantFor = (world: WorldName, from: string = FUNCTIONS_ROOT): string =>
  EDITS[world].length === 0 ? from : plant(world, EDITS[world], from);

export const removePlanted = (): void => rmSync(CACHE, { recursive: true, force: true });
