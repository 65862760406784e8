/**
 * The content of a simulated image: a landscape at dusk whose colours and hills depend on the seed, SIMULATED in large
 * letters at the top, an identicon of each input image, and at the bottom the prompt, the model and its settings.
 */
import { ADVANCE, drawText, GLYPH_HEIGHT, textWidth, toDrawable, wrapText } from '../../mp4/bitmap-font.ts';
import {
  type Colour,
  fillDisc,
  fillGradient,
  fillRect,
  hsl,
  newPicture,
  type Picture,
} from '../../mp4/picture.ts';
import type { InputImage } from '../operation/media-input.ts';
import { drawIdenticon, wave } from '../operation/scene.ts';
import { type Random, seededRandom } from '../random.ts';

export interface ImageScene {
  /** Pixels of the finished image. */
  readonly width: number;
  readonly height: number;
  readonly prompt: string;
  /** Model and settings, in small letters. */
  readonly caption: string;
  readonly seed: number;
  readonly inputs: readonly InputImage[];
}

const TITLE = 'SIMULATED';
const WHITE_LUMA = 235;
const DIM_LUMA = 180;
const WHITE: Colour = { y: WHITE_LUMA, u: 128, v: 128 };
const LINE_HEIGHT = GLYPH_HEIGHT + 2;

/** Draws the scene at twice its width and height; the caller halves it. Equal scenes give equal pictures. */
export function drawImageScene(scene: ImageScene): Picture {
  const picture = newPicture(scene.width * 2, scene.height * 2);
  drawLandscape(picture, scene);
  const margin = evenAtLeast(Math.min(picture.width, picture.height) * 0.05, 4);
  drawTitle(picture, margin);
  const panelTop = drawPanel(picture, scene, margin);
  drawInputs(picture, scene, margin, panelTop);
  return picture;
}

/** Chroma has half the resolution: with even coordinates, the colour of a shape stays inside its edges. */
const evenAtLeast = (value: number, least: number): number => Math.max(least, 2 * Math.round(value / 2));

function drawLandscape(picture: Picture, scene: ImageScene): void {
  const { width, height } = picture;
  const random = seededRandom(scene.seed);
  const drawnShare = random();
  // An edited image takes its hue from the digest of its first input.
  const [firstInput] = scene.inputs;
  const share =
    firstInput === undefined ? drawnShare : Number.parseInt(firstInput.digest.slice(0, 2), 16) / 256;
  // Hues of a sky: from blue through violet to red.
  const hue = 195 + 155 * share;
  fillGradient(picture, hsl(hue, 0.6, 0.16), hsl((hue + 55) % 360, 0.65, 0.56));
  drawStars(picture, random);
  const short = Math.min(width, height);
  const sunX = Math.round(width * (0.22 + 0.56 * random()));
  const sunY = Math.round(height * (0.4 + 0.08 * random()));
  const sunHue = 12 + 36 * random();
  for (const [size, lightness] of [
    [0.2, 0.5],
    [0.17, 0.62],
    [0.135, 0.8],
  ] as const) {
    fillDisc(picture, sunX, sunY, Math.round(short * size), hsl(sunHue, 0.85, lightness));
  }
  for (const layer of [0, 1, 2, 3]) {
    const base = height * (0.52 + 0.095 * layer);
    const colour = hsl((hue + 30 - 12 * layer + 360) % 360, 0.45, 0.34 - 0.075 * layer);
    fillBelow(picture, ridge(width, base, height * (0.075 - 0.01 * layer), random), colour);
  }
}

function drawStars(picture: Picture, random: Random): void {
  const size = evenAtLeast(Math.min(picture.width, picture.height) / 300, 2);
  for (let star = 0; star < 60; star++) {
    const x = 2 * Math.floor((random() * picture.width) / 2);
    // The product makes stars rarer towards the horizon.
    const y = 2 * Math.floor((random() * random() * picture.height * 0.5) / 2);
    fillRect(picture, x, y, size, size, { ...WHITE, y: 150 + Math.floor(random() * 85) });
  }
}

/** Returns the top of the hill in each column. */
function ridge(width: number, base: number, swing: number, random: Random): Float64Array {
  const cycles = [0.8 + random(), 2 + 2 * random(), 6 + 5 * random()] as const;
  const phases = [random(), random(), random()] as const;
  return Float64Array.from({ length: width }, (_, x) => {
    const t = x / width;
    const shape =
      wave(cycles[0] * t + phases[0]) +
      0.45 * wave(cycles[1] * t + phases[1]) +
      0.12 * wave(cycles[2] * t + phases[2]);
    return base - swing * shape;
  });
}

/** Fills each column from its top to the lower edge. */
function fillBelow(picture: Picture, tops: Float64Array, colour: Colour): void {
  for (const [x, top] of tops.entries()) {
    const first = Math.max(0, Math.round(top));
    for (let y = first; y < picture.rows; y++) picture.y[y * picture.stride + x] = colour.y;
    if (x % 2 !== 0) continue;
    for (let y = first >> 1; y < picture.rows / 2; y++) {
      const at = (y * picture.stride) / 2 + x / 2;
      picture.u[at] = colour.u;
      picture.v[at] = colour.v;
    }
  }
}

function drawTitle(picture: Picture, margin: number): void {
  const { width, height } = picture;
  const widest = ((width - 2 * margin) * 0.86) / textWidth(TITLE, 1);
  const scale = Math.max(1, Math.floor(Math.min(widest, (height * 0.13) / GLYPH_HEIGHT)));
  const left = Math.round((width - textWidth(TITLE, scale)) / 2);
  const top = margin + scale;
  const shadow = Math.max(1, Math.round(scale / 3));
  drawText(picture, TITLE, left + shadow, top + shadow, scale, 24);
  drawText(picture, TITLE, left, top, scale, WHITE_LUMA);
}

/** Draws prompt and caption on a darkened panel at the lower edge. Returns the top of the panel. */
function drawPanel(picture: Picture, scene: ImageScene, margin: number): number {
  const { width, height } = picture;
  const short = Math.min(width, height);
  const inner = width - 4 * margin;
  const captionScale = Math.max(1, Math.floor(short / 260));
  const captions = wrapText(
    toDrawable(`${scene.caption} seed ${scene.seed}`),
    columnsIn(inner, captionScale),
  ).slice(0, 4);
  const captionHeight = captions.length * LINE_HEIGHT * captionScale;
  const prompt = fitPrompt(toDrawable(scene.prompt), inner, height * 0.28, Math.floor(short / 130));
  const promptHeight = prompt.lines.length * LINE_HEIGHT * prompt.scale;
  const panelHeight = evenAtLeast(captionHeight + promptHeight + 2.5 * margin, 2);
  const top = evenAtLeast(height - margin - panelHeight, 2);
  darken(picture, margin, top, width - 2 * margin, panelHeight);
  for (const [row, line] of prompt.lines.entries()) {
    const y = top + margin + row * LINE_HEIGHT * prompt.scale;
    drawText(picture, line, 2 * margin, y, prompt.scale, WHITE_LUMA);
  }
  for (const [row, line] of captions.entries()) {
    const y = Math.round(top + promptHeight + 1.6 * margin) + row * LINE_HEIGHT * captionScale;
    drawText(picture, line, 2 * margin, y, captionScale, DIM_LUMA);
  }
  return top;
}

const columnsIn = (width: number, scale: number): number =>
  Math.max(8, Math.floor((width + scale) / (ADVANCE * scale)));

/** The largest scale at which the whole prompt fits; otherwise the smallest scale, with the text cut off by "...". */
function fitPrompt(
  prompt: string,
  width: number,
  height: number,
  largest: number,
): { lines: readonly string[]; scale: number } {
  const smallest = Math.max(1, Math.floor(largest / 3));
  for (let scale = Math.max(largest, smallest); ; scale--) {
    const columns = columnsIn(width, scale);
    const maxLines = Math.max(1, Math.floor(height / (LINE_HEIGHT * scale)));
    const lines = wrapText(prompt, columns);
    if (lines.length <= maxLines) return { lines, scale };
    if (scale > smallest) continue;
    const last = lines[maxLines - 1] ?? '';
    return { lines: [...lines.slice(0, maxLines - 1), `${last.slice(0, columns - 3)}...`], scale };
  }
}

/** Reduces luma to 30% and chroma to 35%. */
function darken(picture: Picture, left: number, top: number, width: number, height: number): void {
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) {
      const at = y * picture.stride + x;
      picture.y[at] = 16 + Math.round(((picture.y[at] ?? 16) - 16) * 0.3);
      if (x % 2 !== 0 || y % 2 !== 0) continue;
      const chromaAt = (y / 2) * (picture.stride / 2) + x / 2;
      picture.u[chromaAt] = 128 + Math.round(((picture.u[chromaAt] ?? 128) - 128) * 0.35);
      picture.v[chromaAt] = 128 + Math.round(((picture.v[chromaAt] ?? 128) - 128) * 0.35);
    }
  }
}

/** Draws the framed identicons of the input images in a row above the panel, each above its label. */
function drawInputs(picture: Picture, scene: ImageScene, margin: number, panelTop: number): void {
  const count = scene.inputs.length;
  if (count === 0) return;
  const { width, height } = picture;
  const slotWidth = (width - 4 * margin) / count;
  const cell = 2 * Math.max(1, Math.floor(Math.min(Math.min(width, height) * 0.17, slotWidth * 0.78) / 10));
  const size = 5 * cell;
  const frame = evenAtLeast(cell / 6, 2);
  const labelScale = Math.max(1, Math.floor((size - 2 * frame) / textWidth('IMAGE 99', 1)));
  const labelHeight = evenAtLeast((LINE_HEIGHT + 2) * labelScale, 2);
  const top = 2 * Math.floor((panelTop - labelHeight - size - margin * 0.5) / 2);
  for (const [position, { label, digest }] of scene.inputs.entries()) {
    const left = 2 * margin + 2 * Math.floor((position * Math.min(slotWidth, size * 1.28)) / 2);
    fillRect(picture, left - frame, top - frame, size + 2 * frame, size + 2 * frame + labelHeight, WHITE);
    drawIdenticon(picture, digest, left, top, cell);
    const labelLeft = left + Math.round((size - textWidth(label, labelScale)) / 2);
    drawText(picture, label, labelLeft, top + size + frame + labelScale, labelScale, 16);
  }
}
