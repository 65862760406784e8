/** Finds the end of a HEIC or HEIF file by its boxes (ISO/IEC 14496-12 and 23008-12), without decoding it. */
import type { FileWindow } from './file-window.ts';
import { CUT, damaged, type ImageEnd } from './image-end.ts';

const BOXES_MAX = 1000;

/** @param file a file that begins with the box `ftyp` */
export async function heifEnd(file: FileWindow): Promise<ImageEnd> {
  const seen = new Set<string>();
  let at = 0;
  for (let boxes = 0; boxes < BOXES_MAX && at < file.endAt; boxes++) {
    const box = await boxAt(file, at);
    const isComplete = seen.has('meta') && seen.has('mdat');
    // Phones append a video of another form.
    if (box === 'none' && isComplete) return { endAt: at };
    if (box === 'none') return damaged('HEIC', `byte ${at} does not begin a box`);
    if (box === 'cut' || box.endAt > file.endAt) return isComplete ? { endAt: at } : CUT;
    seen.add(box.type);
    at = box.endAt;
  }
  // A small image may stand in the box `idat` of `meta`.
  return seen.has('meta') ? { endAt: at } : damaged('HEIC', 'it has no image');
}

async function boxAt(
  file: FileWindow,
  at: number,
): Promise<{ readonly type: string; readonly endAt: number } | 'cut' | 'none'> {
  const head = await file.bytes(at, 8);
  if (!head) return 'cut';
  const type = String.fromCharCode(...[4, 5, 6, 7].map((i) => head.getUint8(i)));
  if (!/^[\x20-\x7e]{4}$/.test(type)) return 'none';
  const short = head.getUint32(0);
  // The last box may reach to the end of the file.
  if (short === 0) return { type, endAt: file.endAt };
  if (short > 1) return short < 8 ? 'none' : { type, endAt: at + short };
  const long = (await file.bytes(at + 8, 8))?.getBigUint64(0);
  if (long === undefined) return 'cut';
  return long < 16n ? 'none' : { type, endAt: at + Number(long) };
}
