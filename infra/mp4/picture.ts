/** A 4:2:0 image and the shapes from which the simulated videos are drawn. */

/** Planes are padded to whole macroblocks (16 × 16). Only `width` × `height` is visible. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Luma samples per row, a multiple of 16. Chroma rows have half as many. */
  readonly stride: number;
  /** Luma rows, a multiple of 16. */
  readonly rows: number;
  readonly y: Uint8Array;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
}

/** A colour in limited-range BT.601. */
export interface Colour {
  readonly y: number;
  readonly u: number;
  readonly v: number;
}

export function newPicture(width: number, height: number): Picture {
  const stride = Math.ceil(width / 16) * 16;
  const rows = Math.ceil(height / 16) * 16;
  const chroma = (stride * rows) / 4;
  return {
    width,
    height,
    stride,
    rows,
    y: new Uint8Array(stride * rows).fill(16),
    u: new Uint8Array(chroma).fill(128),
    v: new Uint8Array(chroma).fill(128),
  };
}

/** Copies all planes. Both pictures must have the same size. */
export function copyPicture(from: Picture, to: Picture): void {
  to.y.set(from.y);
  to.u.set(from.u);
  to.v.set(from.v);
}

/** `hue` in degrees, `saturation` and `lightness` from 0 to 1. */
export function hsl(hue: number, saturation: number, lightness: number): Colour {
  const chroma = (1 - Math.abs(2 * lightness - 1)) * saturation;
  const channel = (shift: number): number => {
    const k = (shift + hue / 30) % 12;
    return lightness - (chroma / 2) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  const [r, g, b] = [channel(0), channel(8), channel(4)];
  return {
    y: Math.round(16 + 65.481 * r + 128.553 * g + 24.966 * b),
    u: Math.round(128 - 37.797 * r - 74.203 * g + 112 * b),
    v: Math.round(128 + 112 * r - 93.786 * g - 18.214 * b),
  };
}

/** Fills a rectangle, clipped to the planes. With even coordinates its colour stays inside its edges. */
export function fillRect(
  picture: Picture,
  left: number,
  top: number,
  width: number,
  height: number,
  colour: Colour,
): void {
  const right = Math.min(picture.stride, left + width);
  const bottom = Math.min(picture.rows, top + height);
  const x0 = Math.max(0, left);
  for (let y = Math.max(0, top); y < bottom; y++) {
    picture.y.fill(colour.y, y * picture.stride + x0, y * picture.stride + Math.max(x0, right));
  }
  const half = picture.stride / 2;
  for (let y = Math.max(0, top) >> 1; y < (bottom + 1) >> 1; y++) {
    const start = y * half + (x0 >> 1);
    const end = Math.max(start, y * half + ((right + 1) >> 1));
    picture.u.fill(colour.u, start, end);
    picture.v.fill(colour.v, start, end);
  }
}

/** Fills a disc, clipped to the planes. */
export function fillDisc(
  picture: Picture,
  centreX: number,
  centreY: number,
  radius: number,
  colour: Colour,
): void {
  for (let dy = -radius; dy <= radius; dy++) {
    const y = centreY + dy;
    if (y < 0 || y >= picture.rows) continue;
    const reach = Math.floor(Math.sqrt(radius * radius - dy * dy + radius * 0.8));
    const left = Math.max(0, centreX - reach);
    const right = Math.min(picture.stride, centreX + reach + 1);
    picture.y.fill(colour.y, y * picture.stride + left, y * picture.stride + Math.max(left, right));
    if (y % 2 !== 0) continue;
    const row = (y / 2) * (picture.stride / 2);
    const start = row + (left >> 1);
    const end = Math.max(start, row + ((right + 1) >> 1));
    picture.u.fill(colour.u, start, end);
    picture.v.fill(colour.v, start, end);
  }
}

/** Fills the picture with a vertical gradient. Every row has one colour, which the encoder stores in almost no space. */
export function fillGradient(picture: Picture, top: Colour, bottom: Colour): void {
  const mix = (from: number, to: number, t: number): number => Math.round(from + (to - from) * t);
  for (let y = 0; y < picture.rows; y++) {
    const t = Math.min(1, y / (picture.height - 1));
    picture.y.fill(mix(top.y, bottom.y, t), y * picture.stride, (y + 1) * picture.stride);
    if (y % 2 !== 0) continue;
    const row = (y / 2) * (picture.stride / 2);
    picture.u.fill(mix(top.u, bottom.u, t), row, row + picture.stride / 2);
    picture.v.fill(mix(top.v, bottom.v, t), row, row + picture.stride / 2);
  }
}
