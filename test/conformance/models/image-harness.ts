/** Shared by the suites of the simulated image models: raw calls, and a PNG decoder that shares no code with the encoder. */
import { inflateSync } from 'node:zlib';
import {
  type Answer,
  API_KEY,
  BEARER,
  modelPath,
  post,
  type Rig,
  type RigOptions,
  startRig,
} from './harness.ts';

export const GEMINI_MODEL = 'gemini-3.1-flash-image';
export const IMAGEN_MODEL = 'imagen-4.0-generate-001';

/** A rig on the real clock, whose images take a millisecond, and which still has Imagen. */
export const startFastRig = (options: RigOptions = {}): Promise<Rig> =>
  startRig({ now: Date.now, speedUp: 1e6, imagen: 'alive', ...options });

export const vertexContent = (
  rig: Rig,
  body: unknown,
  model = GEMINI_MODEL,
  location = 'us-central1',
): Promise<Answer> =>
  post(`${rig.models.url}/v1beta1/${modelPath(model, location)}:generateContent`, body, BEARER);

export const developerContent = (rig: Rig, body: unknown, model = GEMINI_MODEL): Promise<Answer> =>
  post(`${rig.models.url}/v1/models/${model}:generateContent`, body, API_KEY);

export const vertexPredict = (
  rig: Rig,
  body: unknown,
  model = IMAGEN_MODEL,
  location = 'us-central1',
): Promise<Answer> => post(`${rig.models.url}/v1beta1/${modelPath(model, location)}:predict`, body, BEARER);

export const developerPredict = (rig: Rig, body: unknown, model = IMAGEN_MODEL): Promise<Answer> =>
  post(`${rig.models.url}/v1beta/models/${model}:predict`, body, API_KEY);

/** A request for one image, without text. */
export const contentBody = (prompt: string, imageConfig: Record<string, unknown> = {}): unknown => ({
  contents: [{ role: 'user', parts: [{ text: prompt }] }],
  generationConfig: { responseModalities: ['IMAGE'], imageConfig },
});

export const predictBody = (prompt: string, parameters: Record<string, unknown> = {}): unknown => ({
  instances: [{ prompt }],
  parameters: { sampleCount: 1, ...parameters },
});

/** The image in a reply of Gemini. */
export const imageOf = (answer: Answer): Buffer =>
  Buffer.from(answer.json.candidates[0].content.parts.at(-1).inlineData.data, 'base64');

export interface DecodedPng {
  readonly width: number;
  readonly height: number;
  readonly texts: Readonly<Record<string, string>>;
  /** Red, green and blue, 0 to 255. */
  readonly pixel: (x: number, y: number) => readonly [number, number, number];
}

/** @throws Error unless the bytes are an intact 8-bit truecolour PNG */
export function decodePng(bytes: Buffer): DecodedPng {
  if (bytes.toString('latin1', 0, 8) !== '\x89PNG\r\n\x1a\n') throw new Error('no PNG signature');
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + 4, at + 8 + length);
    if (bytes.readUInt32BE(at + 8 + length) !== crcOf(body)) throw new Error('a chunk has the wrong CRC');
    chunks.push({ type: body.toString('latin1', 0, 4), data: body.subarray(4) });
    at += 12 + length;
  }
  const header = chunks[0]?.data ?? Buffer.alloc(0);
  if (chunks[0]?.type !== 'IHDR' || chunks.at(-1)?.type !== 'IEND') throw new Error('chunks out of order');
  if (header.subarray(8).toString('hex') !== '0802000000') throw new Error('not 8-bit truecolour');
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const data = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map((chunk) => chunk.data));
  const rgb = unfilter(inflateSync(data), width, height);
  const texts = chunks
    .filter(({ type }) => type === 'tEXt')
    .map(({ data: text }) => text.toString('latin1').split('\0'));
  return {
    width,
    height,
    texts: Object.fromEntries(texts),
    pixel: (x, y) => {
      const [red = 0, green = 0, blue = 0] = rgb.subarray((y * width + x) * 3);
      return [red, green, blue];
    },
  };
}

/** Bit by bit, as in the definition of CRC-32. */
function crcOf(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function unfilter(data: Buffer, width: number, height: number): Buffer {
  const rowBytes = width * 3;
  if (data.length !== height * (rowBytes + 1)) throw new Error('wrong number of pixels');
  const rgb = Buffer.alloc(height * rowBytes);
  for (let y = 0; y < height; y++) {
    const filter = data[y * (rowBytes + 1)] ?? 0;
    if (filter > 2) throw new Error(`filter ${filter} is not supported`);
    for (let x = 0; x < rowBytes; x++) {
      const left = filter === 1 && x >= 3 ? (rgb[y * rowBytes + x - 3] ?? 0) : 0;
      const above = filter === 2 && y > 0 ? (rgb[(y - 1) * rowBytes + x] ?? 0) : 0;
      rgb[y * rowBytes + x] = (data[y * (rowBytes + 1) + 1 + x] ?? 0) + left + above;
    }
  }
  return rgb;
}
