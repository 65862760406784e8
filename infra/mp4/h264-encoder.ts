/**
 * A lossless, deterministic H.264 encoder (Constrained Baseline profile) for images of flat colours.
 *
 * A macroblock is stored in the cheapest of three exact forms: skipped (unchanged from the previous frame), predicted
 * (every row repeats its left neighbour, or every column its upper one), or as raw samples (I_PCM). There is no
 * transform, motion or loop filter, so the decoded frame equals the drawn one bit for bit.
 * Section numbers refer to ITU-T H.264.
 */
import { BitWriter } from './bit-writer.ts';
import type { Picture } from './picture.ts';

/** One coded frame in MP4 form: a 4-byte length and a NAL unit. */
export interface CodedFrame {
  readonly isKeyFrame: boolean;
  readonly data: Buffer;
}

const NAL_IDR = 0x65;
const NAL_NON_IDR = 0x61;
const NAL_SPS = 0x67;
const NAL_PPS = 0x68;

/** 8 bits are enough for frame_num: the key frame interval is below 256. */
const FRAME_NUM_BITS = 8;
/** 4 s at 24 fps: short enough for quick seeking, and large key frames stay rare. */
const KEY_FRAME_INTERVAL = 96;

/** mb_type in I slices (table 7-11). P slices add 5. */
const I_16X16_VERTICAL = 1;
const I_16X16_HORIZONTAL = 2;
const I_PCM = 25;
const CHROMA_HORIZONTAL = 1;
const CHROMA_VERTICAL = 2;

/** Coefficient counts of neighbouring macroblocks, which select the coeff_token table (9.2.1). */
const COEFFICIENTS_OF_PCM = 16;
const COEFFICIENTS_OF_OTHERS = 0;

export class H264Encoder {
  readonly sps: Buffer;
  readonly pps: Buffer;
  readonly #columns: number;
  readonly #rows: number;
  readonly #previous: Words;
  readonly #coefficients: Uint8Array;
  readonly #raw = new Uint8Array(384);
  #frameIndex = 0;
  #keyFrames = 0;

  constructor(width: number, height: number) {
    this.#columns = Math.ceil(width / 16);
    this.#rows = Math.ceil(height / 16);
    const macroblocks = this.#columns * this.#rows;
    this.#coefficients = new Uint8Array(macroblocks);
    this.#previous = {
      y: new Uint32Array(macroblocks * 64),
      u: new Uint32Array(macroblocks * 16),
      v: new Uint32Array(macroblocks * 16),
    };
    this.sps = sequenceParameterSet(width, height);
    this.pps = pictureParameterSet();
  }

  encode(picture: Picture): CodedFrame {
    const frameNum = this.#frameIndex % KEY_FRAME_INTERVAL;
    const isKeyFrame = frameNum === 0;
    const out = new BitWriter(16 * 1024);
    this.#writeSliceHeader(out, isKeyFrame, frameNum);
    const words = wordsOf(picture);
    this.#writeMacroblocks(out, picture, words, isKeyFrame);
    out.finish();
    this.#previous.y.set(words.y);
    this.#previous.u.set(words.u);
    this.#previous.v.set(words.v);
    this.#frameIndex++;
    return { isKeyFrame, data: withLength(nalUnit(isKeyFrame ? NAL_IDR : NAL_NON_IDR, out.written())) };
  }

  #writeSliceHeader(out: BitWriter, isKeyFrame: boolean, frameNum: number): void {
    out.unsigned(0); // first_mb_in_slice
    out.unsigned(isKeyFrame ? 7 : 5); // slice_type: all I, all P
    out.unsigned(0); // pic_parameter_set_id
    out.bits(frameNum, FRAME_NUM_BITS);
    if (isKeyFrame) {
      out.unsigned(this.#keyFrames++ & 1); // idr_pic_id
      out.bits(0, 2); // no_output_of_prior_pics_flag, long_term_reference_flag
    } else {
      out.bits(0, 1); // num_ref_idx_active_override_flag
      out.bits(0, 1); // ref_pic_list_modification_flag_l0
      out.bits(0, 1); // adaptive_ref_pic_marking_mode_flag
    }
    out.signed(0); // slice_qp_delta
    out.unsigned(1); // disable_deblocking_filter_idc: off, or it would blur exact samples
  }

  #writeMacroblocks(out: BitWriter, picture: Picture, words: Words, isKeyFrame: boolean): void {
    let skipped = 0;
    for (let row = 0; row < this.#rows; row++) {
      for (let column = 0; column < this.#columns; column++) {
        const index = row * this.#columns + column;
        if (!isKeyFrame && this.#isUnchanged(words, column, row)) {
          this.#coefficients[index] = COEFFICIENTS_OF_OTHERS;
          skipped++;
          continue;
        }
        if (!isKeyFrame) out.unsigned(skipped);
        skipped = 0;
        this.#writeIntra(out, picture, column, row, isKeyFrame ? 0 : 5);
      }
    }
    if (skipped > 0) out.unsigned(skipped);
  }

  /** Most of the encoding time: it is called for every macroblock. */
  #isUnchanged({ y, u, v }: Words, column: number, row: number): boolean {
    const previous = this.#previous;
    const stride = this.#columns * 4;
    if (!isSameBlock(y, previous.y, row * 16 * stride + column * 4, stride, 16, 4)) return false;
    const chroma = row * 4 * stride + column * 2;
    return (
      isSameBlock(u, previous.u, chroma, stride / 2, 8, 2) &&
      isSameBlock(v, previous.v, chroma, stride / 2, 8, 2)
    );
  }

  #writeIntra(out: BitWriter, picture: Picture, column: number, row: number, typeOffset: number): void {
    const { stride } = picture;
    const index = row * this.#columns + column;
    const luma = row * 16 * stride + column * 16;
    const chroma = row * 4 * stride + column * 8;
    const lumaMode =
      column > 0 && continuesLeft(picture.y, luma, stride, 16)
        ? I_16X16_HORIZONTAL
        : row > 0 && continuesAbove(picture.y, luma, stride, 16)
          ? I_16X16_VERTICAL
          : undefined;
    const chromaMode = lumaMode === undefined ? undefined : chromaModeOf(picture, chroma, column, row);
    if (lumaMode === undefined || chromaMode === undefined) {
      out.unsigned(I_PCM + typeOffset);
      out.align();
      this.#gather(picture, luma, chroma);
      out.append(this.#raw);
      this.#coefficients[index] = COEFFICIENTS_OF_PCM;
      return;
    }
    out.unsigned(lumaMode + typeOffset);
    out.unsigned(chromaMode);
    out.signed(0); // mb_qp_delta
    // An Intra16x16 macroblock always codes its DC levels. There are none: coeff_token for TotalCoeff 0 (table 9-5).
    if (this.#neighbourCoefficients(column, row) >= 8) out.bits(0b000011, 6);
    else out.bits(1, 1);
    this.#coefficients[index] = COEFFICIENTS_OF_OTHERS;
  }

  /** nC of 9.2.1. With neighbours of 0 or 16 it is 0, 8 or 16, so the tables for 2 ≤ nC < 8 are not needed. */
  #neighbourCoefficients(column: number, row: number): number {
    const index = row * this.#columns + column;
    const left = this.#coefficients[index - 1] ?? 0;
    const above = this.#coefficients[index - this.#columns] ?? 0;
    if (column === 0) return row === 0 ? 0 : above;
    return row === 0 ? left : (left + above + 1) >> 1;
  }

  #gather(picture: Picture, luma: number, chroma: number): void {
    const { stride } = picture;
    for (let y = 0; y < 16; y++) {
      this.#raw.set(picture.y.subarray(luma + y * stride, luma + y * stride + 16), y * 16);
    }
    for (let y = 0; y < 8; y++) {
      const at = chroma + (y * stride) / 2;
      this.#raw.set(picture.u.subarray(at, at + 8), 256 + y * 8);
      this.#raw.set(picture.v.subarray(at, at + 8), 320 + y * 8);
    }
  }
}

function chromaModeOf(picture: Picture, at: number, column: number, row: number): number | undefined {
  const stride = picture.stride / 2;
  const { u, v } = picture;
  if (column > 0 && continuesLeft(u, at, stride, 8) && continuesLeft(v, at, stride, 8))
    return CHROMA_HORIZONTAL;
  if (row > 0 && continuesAbove(u, at, stride, 8) && continuesAbove(v, at, stride, 8)) return CHROMA_VERTICAL;
  return undefined;
}

/** The planes of a picture as words of four samples, for fast comparison. */
interface Words {
  readonly y: Uint32Array;
  readonly u: Uint32Array;
  readonly v: Uint32Array;
}

const wordsOf = ({ y, u, v }: Pick<Picture, 'y' | 'u' | 'v'>): Words => ({
  y: new Uint32Array(y.buffer, y.byteOffset, y.length / 4),
  u: new Uint32Array(u.buffer, u.byteOffset, u.length / 4),
  v: new Uint32Array(v.buffer, v.byteOffset, v.length / 4),
});

function isSameBlock(
  a: Uint32Array,
  b: Uint32Array,
  at: number,
  stride: number,
  rows: number,
  columns: number,
): boolean {
  for (let y = 0, row = at; y < rows; y++, row += stride) {
    for (let i = row; i < row + columns; i++) if (a[i] !== b[i]) return false;
  }
  return true;
}

function continuesLeft(plane: Uint8Array, at: number, stride: number, size: number): boolean {
  for (let y = 0, row = at; y < size; y++, row += stride) {
    const left = plane[row - 1];
    for (let i = row; i < row + size; i++) if (plane[i] !== left) return false;
  }
  return true;
}

function continuesAbove(plane: Uint8Array, at: number, stride: number, size: number): boolean {
  const above = at - stride;
  for (let y = 0, row = at; y < size; y++, row += stride) {
    for (let x = 0; x < size; x++) if (plane[row + x] !== plane[above + x]) return false;
  }
  return true;
}

function sequenceParameterSet(width: number, height: number): Buffer {
  const columns = Math.ceil(width / 16);
  const rows = Math.ceil(height / 16);
  const cropRight = (columns * 16 - width) / 2;
  const cropBottom = (rows * 16 - height) / 2;
  const out = new BitWriter();
  out.bits(66, 8); // profile_idc: Baseline
  out.bits(0b11000000, 8); // constraint_set0 and 1: Constrained Baseline
  out.bits(columns * rows > 1620 ? 40 : 30, 8); // level_idc: level 3 holds 1620 macroblocks
  out.unsigned(0); // seq_parameter_set_id
  out.unsigned(FRAME_NUM_BITS - 4); // log2_max_frame_num_minus4
  out.unsigned(2); // pic_order_cnt_type: output order is coding order
  out.unsigned(1); // max_num_ref_frames
  out.bits(0, 1); // gaps_in_frame_num_value_allowed_flag
  out.unsigned(columns - 1);
  out.unsigned(rows - 1);
  out.bits(1, 1); // frame_mbs_only_flag
  out.bits(1, 1); // direct_8x8_inference_flag
  const isCropped = cropRight > 0 || cropBottom > 0;
  out.bits(isCropped ? 1 : 0, 1);
  if (isCropped) for (const edge of [0, cropRight, 0, cropBottom]) out.unsigned(edge);
  out.bits(0, 1); // vui_parameters_present_flag
  out.finish();
  return nalUnit(NAL_SPS, out.written());
}

function pictureParameterSet(): Buffer {
  const out = new BitWriter();
  out.unsigned(0); // pic_parameter_set_id
  out.unsigned(0); // seq_parameter_set_id
  out.bits(0, 2); // CAVLC, no bottom field order
  out.unsigned(0); // one slice group
  out.unsigned(0); // num_ref_idx_l0_default_active_minus1
  out.unsigned(0); // num_ref_idx_l1_default_active_minus1
  out.bits(0, 3); // weighted_pred_flag, weighted_bipred_idc
  out.signed(0); // pic_init_qp_minus26
  out.signed(0); // pic_init_qs_minus26
  out.signed(0); // chroma_qp_index_offset
  out.bits(1, 1); // deblocking_filter_control_present_flag
  out.bits(0, 2); // constrained_intra_pred_flag, redundant_pic_cnt_present_flag
  out.finish();
  return nalUnit(NAL_PPS, out.written());
}

/** Header byte and payload with emulation prevention: 00 00 0x becomes 00 00 03 0x (7.4.1). */
function nalUnit(header: number, payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(1 + payload.length + (payload.length >> 1) + 1);
  out[0] = header;
  let length = 1;
  let zeros = 0;
  for (const byte of payload) {
    if (zeros >= 2 && byte <= 3) {
      out[length++] = 3;
      zeros = 0;
    }
    out[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Buffer.from(out.subarray(0, length));
}

function withLength(nal: Buffer): Buffer {
  const out = Buffer.allocUnsafe(4 + nal.length);
  out.writeUInt32BE(nal.length);
  nal.copy(out, 4);
  return out;
}
