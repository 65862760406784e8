/**
 * The content of a simulated video. Every frame shows SIMULATED in large letters, the prompt, the model and its settings,
 * two moving comets whose colours and paths depend on the seed, an identicon of each input image, a frame counter and a
 * progress bar.
 */
import { ADVANCE, drawText, GLYPH_HEIGHT, textWidth, toDrawable, wrapText } from '../../mp4/bitmap-font.ts';
import {
  type Colour,
  copyPicture,
  fillDisc,
  fillGradient,
  fillRect,
  hsl,
  newPicture,
  type Picture,
} from '../../mp4/picture.ts';
import { type Random, seededRandom } from '../random.ts';

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly prompt: string;
  /** Model and settings, in small letters. */
  readonly caption: string;
  readonly seed: number;
  /** Input images: a short label and the SHA-256 of the bytes in hexadecimal. */
  readonly identicons: readonly { readonly label: string; readonly digest: string }[];
  /** Frames of the whole video: the end of the counter and of the bar. */
  readonly totalFrames: number;
  /** Frames of the input video that precede the new ones. */
  readonly framesBefore: number;
}

/** Positions and sizes in units of 1/180 of the shorter side. */
interface Layout {
  readonly titleScale: number;
  readonly titleTop: number;
  readonly captionTop: number;
  readonly promptTop: number;
  readonly promptHeight: number;
  readonly bandTop: number;
  readonly bandHeight: number;
  readonly counterTop: number;
}

/** The counter fits in one row of macroblocks and the bar in another, so that a new frame encodes few of them. */
const LANDSCAPE: Layout = {
  titleScale: 5,
  titleTop: 8,
  captionTop: 48,
  promptTop: 61,
  promptHeight: 56,
  bandTop: 120,
  bandHeight: 41,
  counterTop: 164,
};
const PORTRAIT: Layout = {
  titleScale: 3,
  titleTop: 12,
  captionTop: 40,
  promptTop: 68,
  promptHeight: 110,
  bandTop: 184,
  bandHeight: 100,
  counterTop: 292,
};

const MARGIN = 10;
const BAR_HEIGHT = 4;
const WHITE_LUMA = 235;
const DIM_LUMA = 170;
const WHITE: Colour = { y: WHITE_LUMA, u: 128, v: 128 };
const IDENTICON_CELL = 6;
const IDENTICON_SIZE = 5 * IDENTICON_CELL;

/** Returns a function that draws frame `index` (from 0) of the scene. Equal scenes give equal frames. */
export function sceneDrawer(scene: Scene): (picture: Picture, index: number) => void {
  const unit = Math.min(scene.width, scene.height) / 180;
  const layout = scene.width > scene.height ? LANDSCAPE : PORTRAIT;
  const random = seededRandom(scene.seed);
  const hue = random() * 360;
  const backdrop = newPicture(scene.width, scene.height);
  fillGradient(backdrop, hsl(hue, 0.55, 0.24), hsl((hue + 40) % 360, 0.6, 0.08));
  drawTexts(backdrop, scene, layout, unit);
  const comets = [newComet(random, hue + 150), newComet(random, hue + 220)];
  const barColour = hsl((hue + 150) % 360, 0.8, 0.6);
  return (picture, index) => {
    copyPicture(backdrop, picture);
    const frame = scene.framesBefore + index;
    // The comets move at half the frame rate: this halves the bytes and still looks smooth.
    for (const comet of comets) drawComet(picture, comet, layout, unit, frame - (frame % 2));
    drawIdenticons(picture, scene, layout, unit);
    drawProgress(picture, scene, layout, unit, frame + 1, barColour);
  };
}

function drawTexts(picture: Picture, scene: Scene, layout: Layout, unit: number): void {
  const title = 'SIMULATED';
  const titleScale = layout.titleScale * unit;
  const left = Math.round((scene.width - textWidth(title, titleScale)) / 2);
  drawText(picture, title, left + 2 * unit, layout.titleTop * unit + 2 * unit, titleScale, 16);
  drawText(picture, title, left, layout.titleTop * unit, titleScale, WHITE_LUMA);
  const width = scene.width - 2 * MARGIN * unit;
  const captionColumns = Math.floor(width / (ADVANCE * unit));
  for (const [row, line] of wrapText(toDrawable(scene.caption), captionColumns).slice(0, 2).entries()) {
    drawText(picture, line, MARGIN * unit, (layout.captionTop + row * 10) * unit, unit, DIM_LUMA);
  }
  const { lines, scale } = fitPrompt(toDrawable(scene.prompt), width, layout.promptHeight * unit, unit);
  for (const [row, line] of lines.entries()) {
    const top = layout.promptTop * unit + row * (GLYPH_HEIGHT + 2) * scale;
    drawText(picture, line, MARGIN * unit, top, scale, WHITE_LUMA);
  }
}

/** The largest scale at which the whole prompt fits; otherwise the smallest scale, with the text cut off by "...". */
function fitPrompt(
  prompt: string,
  width: number,
  height: number,
  unit: number,
): { lines: readonly string[]; scale: number } {
  for (const scale of [2 * unit, unit]) {
    const columns = Math.floor((width + scale) / (ADVANCE * scale));
    const maxLines = Math.floor((height + 2 * scale) / ((GLYPH_HEIGHT + 2) * scale));
    const lines = wrapText(prompt, columns);
    if (lines.length <= maxLines) return { lines, scale };
    if (scale > unit) continue;
    const last = lines[maxLines - 1] ?? '';
    return { lines: [...lines.slice(0, maxLines - 1), `${last.slice(0, columns - 3)}...`], scale };
  }
  return { lines: [], scale: unit };
}

/** A closed path (almost a Lissajous figure) and the colours of the tail. */
interface Comet {
  readonly cyclesX: number;
  readonly cyclesY: number;
  /** In cycles. */
  readonly phase: number;
  readonly colours: readonly Colour[];
}

function newComet(random: Random, hue: number): Comet {
  return {
    cyclesX: 1 + Math.floor(random() * 2),
    cyclesY: 2 + Math.floor(random() * 3),
    phase: random(),
    colours: [0.68, 0.5, 0.34].map((lightness) => hsl((hue + 360) % 360, 0.75, lightness)),
  };
}

/**
 * Approximates one period of a sine with two parabolas. Math.sin can differ in the last bit between engines, which can
 * change a rounded pixel; this function is exact on all of them.
 */
export function wave(cycles: number): number {
  const t = cycles - Math.floor(cycles);
  return t < 0.5 ? 16 * t * (0.5 - t) : -16 * (t - 0.5) * (1 - t);
}

/** Frames per cycle of the path: the speed is equal in short and long videos. */
const CYCLE_FRAMES = 192;
const TAIL_RADII = [9, 6, 4];
const TAIL_GAP_FRAMES = 5;

function drawComet(picture: Picture, comet: Comet, layout: Layout, unit: number, frame: number): void {
  const size = Math.max(1, unit * 0.75);
  for (const position of [2, 1, 0]) {
    const radius = Math.round((TAIL_RADII[position] ?? 0) * size);
    const cycle = (frame - position * TAIL_GAP_FRAMES) / CYCLE_FRAMES;
    const reachX = picture.width / 2 - MARGIN * unit - radius;
    const reachY = (layout.bandHeight * unit) / 2 - radius;
    const x = picture.width / 2 + reachX * wave(comet.cyclesX * cycle + comet.phase);
    const y = (layout.bandTop + layout.bandHeight / 2) * unit + reachY * wave(comet.cyclesY * cycle);
    fillDisc(picture, Math.round(x), Math.round(y), radius, comet.colours[position] ?? WHITE);
  }
}

function drawIdenticons(picture: Picture, scene: Scene, layout: Layout, unit: number): void {
  for (const [position, { label, digest }] of scene.identicons.entries()) {
    const left = (MARGIN + position * (IDENTICON_SIZE + 8)) * unit;
    const top = layout.bandTop * unit;
    drawIdenticon(picture, digest, left, top, IDENTICON_CELL * unit);
    drawText(picture, label, left, top + (IDENTICON_SIZE + 3) * unit, unit, WHITE_LUMA);
  }
}

/** Draws the identicon of a SHA-256 in hexadecimal: 5 × 5 cells, mirrored. Equal images have equal identicons. */
export function drawIdenticon(
  picture: Picture,
  digest: string,
  left: number,
  top: number,
  cell: number,
): void {
  const bytes = Buffer.from(digest, 'hex');
  const colour = hsl(((bytes[0] ?? 0) / 256) * 360, 0.7, 0.6);
  const background = hsl(((bytes[1] ?? 0) / 256) * 360, 0.4, 0.18);
  fillRect(picture, left, top, 5 * cell, 5 * cell, background);
  for (let position = 0; position < 15; position++) {
    if ((bytes[2 + position] ?? 0) < 128) continue;
    const column = position % 3;
    const y = top + Math.floor(position / 3) * cell;
    for (const x of [column, 4 - column]) fillRect(picture, left + x * cell, y, cell, cell, colour);
  }
}

function drawProgress(
  picture: Picture,
  scene: Scene,
  layout: Layout,
  unit: number,
  frameNumber: number,
  colour: Colour,
): void {
  const digits = String(scene.totalFrames).length;
  const counter = `${String(frameNumber).padStart(digits, '0')}/${scene.totalFrames}`;
  const top = layout.counterTop * unit;
  drawText(picture, counter, MARGIN * unit, top, unit, WHITE_LUMA);
  const seed = `seed ${scene.seed}`;
  drawText(picture, seed, scene.width - MARGIN * unit - textWidth(seed, unit), top, unit, DIM_LUMA);
  const height = BAR_HEIGHT * unit;
  const filled = Math.round((frameNumber / scene.totalFrames) * scene.width);
  fillRect(picture, 0, scene.height - height, filled, height, colour);
}
