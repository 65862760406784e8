import { appendFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { crc32, crc32c } from '../../infra/shared/crc32.ts';
import { Journal } from '../../infra/shared/journal.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const dir = temporaryDir();
let files = 0;

interface Counter {
  readonly journal: Journal<number>;
  readonly total: () => number;
  readonly add: (n: number) => void;
}

function open(file: string, compactAfterBytes?: number): Counter {
  let total = 0;
  const journal = Journal.open<number>({
    file,
    replay: (n) => {
      total += n;
    },
    snapshot: () => [total],
    ...(compactAfterBytes === undefined ? {} : { compactAfterBytes }),
  });
  return {
    journal,
    total: () => total,
    add: (n) => {
      // The worse order: the record is stored first and applied afterwards.
      journal.append(n);
      total += n;
    },
  };
}
const newFile = (): string => path.join(dir, `journal-${++files}`, 'a.jsonl');

describe('the journal', () => {
  it('replays appended records even if it was never closed', () => {
    const file = newFile();
    const first = open(file);
    for (let n = 0; n < 10; n++) first.add(1);
    expect(open(file).total()).toBe(10);
  });

  it('drops an incomplete record at its end and continues after it', () => {
    const file = newFile();
    const first = open(file);
    first.add(1);
    first.add(20);
    truncateSync(file, statSync(file).size - 3);
    const second = open(file);
    expect(second.total()).toBe(1);
    second.add(5);
    expect(open(file).total()).toBe(6);
  });

  it('ignores everything from the first damaged record on', () => {
    const file = newFile();
    open(file).add(1);
    appendFileSync(file, '00000000 99\n');
    expect(open(file).total()).toBe(1);
  });

  it('is compacted when it has grown, without losing records of the same tick', async () => {
    const file = newFile();
    const first = open(file, 100);
    for (let n = 0; n < 50; n++) first.add(1);
    await new Promise(setImmediate);
    first.add(1);
    expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThan(5);
    expect(open(file).total()).toBe(51);
  });

  it('is also compacted when no process lives long enough to let it grow', async () => {
    const file = newFile();
    for (let life = 0; life < 50; life++) {
      open(file, 100).add(1);
      await new Promise(setImmediate);
    }
    expect(statSync(file).size).toBeLessThan(200);
    expect(open(file).total()).toBe(50);
  });
});

describe('checksums', () => {
  it('match the standard test values, also over several chunks', () => {
    const text = Buffer.from('123456789');
    expect(crc32(text)).toBe(0xcbf43926);
    expect(crc32c(text)).toBe(0xe3069283);
    expect(crc32c(text.subarray(4), crc32c(text.subarray(0, 4)))).toBe(0xe3069283);
  });
});
