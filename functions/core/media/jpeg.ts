/**
 * Finds the end of a JPEG by its segments and scans (ITU-T T.81, annex B), without decoding it. Frames, tables and scans
 * are checked as libjpeg does, so that no image is sent that a decoder refuses. The coded data itself is not decoded.
 */
import type { FileWindow } from './file-window.ts';
import { CUT, damaged, type ImageEnd } from './image-end.ts';
import {
  type Frame,
  frameOf,
  isScanPossible,
  NO_FRAME,
  type Scan,
  scanBytesMin,
  scanOf,
  type Tables,
  takeTables,
} from './jpeg-segments.ts';

/** An image of 20 MiB has 320 segments of 64 KiB. Progressive images have a few tables and scans more. */
const SEGMENTS_MAX = 10_000;

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const DNL = 0xdc;
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;
/** C0 to CF, except DHT (C4), JPG (C8) and DAC (CC). */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
/** Restarts and SOI have no place between segments. The others are reserved, or of hierarchical images. */
const isMisplaced = (marker: number): boolean =>
  marker < 0xc0 ||
  isRestart(marker) ||
  [0xc8, SOI, 0xde, 0xdf].includes(marker) ||
  (marker >= 0xf0 && marker <= 0xfd);

const damagedJpeg = (what: string): ImageEnd => damaged('JPEG', what);

/** @param file a file that begins with the marker SOI */
export async function jpegEnd(file: FileWindow): Promise<ImageEnd> {
  const tables: Tables = { quantization: new Set(), dc: new Set(), ac: new Set() };
  const scanned = new Set<number>();
  let frame: Frame | undefined;
  let scans = 0;
  let at = 2;
  for (let segments = 0; segments < SEGMENTS_MAX; segments++) {
    const found = await markerAt(file, at);
    if (found === 'cut') return CUT;
    if (!found || isMisplaced(found.marker)) {
      if (!frame) return NO_FRAME;
      // Some phones leave the end out, and append a video.
      return scans > 0 ? CUT : damagedJpeg(`byte ${at} does not begin a segment`);
    }
    const { marker } = found;
    at = found.endAt;
    if (marker === EOI) return endOf(frame, scanned, at);
    const length = (await file.bytes(at, 2))?.getUint16(0);
    if (length === undefined) return CUT;
    if (length < 2) return frame ? damagedJpeg(`its segment at byte ${at} has no length`) : NO_FRAME;
    const body = await file.bytes(at + 2, length - 2);
    if (!body) return CUT;
    at += length;
    if (isFrame(marker)) {
      if (frame) return damagedJpeg('it has two frame headers');
      const read = frameOf(marker, body);
      if ('fault' in read) return read;
      frame = read;
    } else if (marker === SOS) {
      const scan = frame && scanOf(frame, body);
      if (!frame) return NO_FRAME;
      if (!scan) return damagedJpeg('the header of a scan is not valid');
      if (!isScanPossible(frame, scan, tables)) return damagedJpeg('a table that it needs is missing');
      scans++;
      const end = await scanEnd(file, at);
      if (end === undefined) return CUT;
      if (end - at < scanBytesMin(frame, scan)) return damagedJpeg('its image data is incomplete');
      for (const id of dcOf(scan)) scanned.add(id);
      at = end;
    } else if (marker === DNL) {
      // The height, after the first scan.
      if (!frame || scans !== 1 || body.byteLength !== 2 || body.getUint16(0) === 0)
        return damagedJpeg('its height is not valid');
      frame = { ...frame, height: body.getUint16(0) };
    } else if (!takeTables(marker, body, tables)) {
      return damagedJpeg('a table in it is not valid');
    }
  }
  return damagedJpeg(`it has more than ${SEGMENTS_MAX} segments`);
}

function endOf(frame: Frame | undefined, scanned: ReadonlySet<number>, endAt: number): ImageEnd {
  if (!frame) return NO_FRAME;
  if (frame.height === 0) return { fault: 'is a JPEG without a height. Save the image again.' };
  return frame.components.every(({ id }) => scanned.has(id))
    ? { endAt }
    : damagedJpeg('image data is missing');
}

const dcOf = ({ components, spectralStart }: Scan): number[] =>
  spectralStart === 0 ? components.map(({ id }) => id) : [];

/** @returns undefined if the byte is not FF; `endAt` is the byte behind the marker */
async function markerAt(
  file: FileWindow,
  from: number,
): Promise<{ readonly marker: number; readonly endAt: number } | 'cut' | undefined> {
  const [first, second] = viewBytes(await file.bytes(from, 2));
  if (second !== undefined && first === 0xff && second !== 0xff)
    return second === 0 ? undefined : { marker: second, endAt: from + 2 };
  // Any number of FF may stand before a marker.
  let found: { readonly marker: number; readonly endAt: number } | undefined;
  await file.scan(from, file.endAt, (part, at) => {
    const n = part.findIndex((byte) => byte !== 0xff);
    if (n >= 0) found = { marker: part[n] ?? 0, endAt: at + n + 1 };
    return n >= 0;
  });
  if (!found) return 'cut';
  // The byte itself is no FF, or it is followed by a stuffed zero.
  return found.endAt === from + 1 || found.marker === 0 ? undefined : found;
}

const viewBytes = (view: DataView | undefined): number[] =>
  view ? [view.getUint8(0), view.getUint8(1)] : [];

/** Coded data ends at the first marker that is neither a restart nor a stuffed FF00. @returns undefined if there is none */
async function scanEnd(file: FileWindow, from: number): Promise<number | undefined> {
  let end: number | undefined;
  let isAfterFF = false;
  await file.scan(from, file.endAt, (part, at) => {
    for (let n = 0; n < part.length; n++) {
      if (!isAfterFF) {
        n = part.indexOf(0xff, n);
        if (n < 0) return false;
        isAfterFF = true;
        continue;
      }
      const byte = part[n] ?? 0;
      if (byte === 0xff) continue;
      isAfterFF = false;
      if (byte === 0 || isRestart(byte)) continue;
      end = at + n - 1;
      return true;
    }
    return false;
  });
  return end;
}
