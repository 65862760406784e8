/** The encoder, the muxer, the parser and the drawing of the simulated videos. Uses ffmpeg if it is installed. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Scene, sceneDrawer } from '../../infra/models/operation/scene.ts';
import { seededRandom } from '../../infra/models/random.ts';
import { drawText, textWidth, toDrawable, wrapText } from '../../infra/mp4/bitmap-font.ts';
import { canFollow, encodeClip } from '../../infra/mp4/clip.ts';
import { Mp4Error, parseMp4 } from '../../infra/mp4/mp4-parser.ts';
import { fillDisc, fillRect, newPicture, type Picture } from '../../infra/mp4/picture.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

/** Runs a tool of the ffmpeg package. Tests that need it are skipped if it is missing. */
const runTool = (tool: 'ffmpeg' | 'ffprobe', ...options: string[]) =>
  spawnSync(tool, options, { maxBuffer: 2 ** 28 });
const hasFfmpeg = runTool('ffmpeg', '-version').status === 0;

const SCENE: Scene = {
  width: 320,
  height: 180,
  prompt: 'Panning wide shot of a calico kitten sleeping in the sunshine',
  caption: 'veo-3.1-generate-001 8 s 720p 16:9 sample 0',
  seed: 42,
  identicons: [{ label: 'FIRST', digest: createHash('sha256').update('image').digest('hex') }],
  totalFrames: 96,
  framesBefore: 0,
};

const encodeScene = (scene: Scene): Promise<Buffer> =>
  encodeClip({
    width: scene.width,
    height: scene.height,
    frameCount: scene.totalFrames,
    draw: sceneDrawer(scene),
  });

/** Draws shapes that are not aligned with macroblocks, so that every form of macroblock occurs. */
function scribbler(seed: number): (picture: Picture, index: number) => void {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  return (picture) => {
    for (let i = 0; i < 3; i++) {
      // Includes zeros, because runs of zeros need emulation prevention.
      const colour = { y: below(3) === 0 ? 0 : below(256), u: below(256), v: below(256) };
      const [x, y] = [below(picture.stride) - 8, below(picture.rows) - 8];
      if (below(2) === 0) fillRect(picture, x, y, below(60), below(60), colour);
      else fillDisc(picture, x, y, below(20), colour);
    }
  };
}

/** The visible part of a picture in ffmpeg's raw yuv420p layout. */
function visible({ width, height, stride, y, u, v }: Picture): Buffer {
  const rows: Uint8Array[] = [];
  for (let row = 0; row < height; row++) rows.push(y.slice(row * stride, row * stride + width));
  for (const plane of [u, v]) {
    for (let row = 0; row < height / 2; row++) {
      rows.push(plane.slice((row * stride) / 2, (row * stride) / 2 + width / 2));
    }
  }
  return Buffer.concat(rows);
}

function withFile<T>(bytes: Buffer, use: (file: string) => T): T {
  const directory = mkdtempSync(path.join(tmpdir(), 'mp4-'));
  try {
    const file = path.join(directory, 'x.mp4');
    writeFileSync(file, bytes);
    return use(file);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe('the encoder', () => {
  it('gives the same bytes for the same pictures, on every machine', async () => {
    const clip = await encodeClip({ width: 64, height: 36, frameCount: 5, draw: scribbler(1) });
    expect(createHash('sha256').update(clip).digest('hex').slice(0, 16)).toBe('b8ac01f7b92808d7');
  });

  it.runIf(hasFfmpeg)(
    'is lossless: ffmpeg decodes, without a complaint, exactly what was drawn',
    async () => {
      for (const [n, [width, height]] of [
        [320, 180],
        [180, 320],
        [64, 36],
        [16, 16],
        [640, 360],
      ].entries()) {
        const seed = SEED + n;
        const frameCount = 110;
        const drawn: Buffer[] = [];
        const scribble = scribbler(seed);
        const clip = await encodeClip({
          width: width ?? 0,
          height: height ?? 0,
          frameCount,
          draw: (picture, index) => {
            scribble(picture, index);
            drawn.push(visible(picture));
          },
        });
        const decoded = withFile(clip, (file) =>
          runTool(
            'ffmpeg',
            '-v',
            'warning',
            '-xerror',
            '-i',
            file,
            '-f',
            'rawvideo',
            '-pix_fmt',
            'yuv420p',
            '-',
          ),
        );
        expect(decoded.stderr.toString(), `SEED=${seed}`).toBe('');
        expect(decoded.stdout.equals(Buffer.concat(drawn)), `SEED=${seed} ${width}x${height}`).toBe(true);
      }
    },
  );

  it.runIf(hasFfmpeg)('makes what ffprobe calls H.264 of 24 frames per second', async () => {
    const clip = await encodeScene(SCENE);
    const entries = 'stream=codec_name,profile,width,height,r_frame_rate,duration,nb_frames';
    const probe = withFile(clip, (file) =>
      runTool('ffprobe', '-v', 'error', '-show_entries', entries, '-of', 'json', file),
    );
    expect(JSON.parse(probe.stdout.toString()).streams).toEqual([
      {
        codec_name: 'h264',
        profile: 'Constrained Baseline',
        width: 320,
        height: 180,
        r_frame_rate: '24/1',
        duration: '4.000000',
        nb_frames: '96',
      },
    ]);
  });

  it('stops when its signal is aborted', async () => {
    const stop = new AbortController();
    const draw = (): void => stop.abort(new Error('enough'));
    const clip = encodeClip({ width: 640, height: 360, frameCount: 100_000, draw, signal: stop.signal });
    await expect(clip).rejects.toThrow('enough');
  });
});

describe('the parser', () => {
  it('finds dimensions, timing and frames of a clip, also with key frames every 4 s', async () => {
    const clip = parseMp4(await encodeClip({ width: 180, height: 320, frameCount: 200, draw: scribbler(2) }));
    expect(clip).toMatchObject({
      width: 180,
      height: 320,
      frameCount: 200,
      framesPerSecond: 24,
      codec: 'avc1.42C01E',
    });
    expect(clip.durationSeconds).toBeCloseTo(200 / 24);
    expect(clip.frames().flatMap((frame, i) => (frame.isKeyFrame ? [i] : []))).toEqual([0, 96, 192]);
    expect(canFollow(clip)).toBe(true);
  });

  it('throws only Mp4Error for any input', async () => {
    const clip = await encodeClip({ width: 32, height: 32, frameCount: 3, draw: scribbler(3) });
    const attempt = (bytes: Buffer): void => {
      try {
        parseMp4(bytes).frames();
      } catch (error) {
        expect(error).toBeInstanceOf(Mp4Error);
      }
    };
    for (let length = 0; length < clip.length; length += 7) attempt(clip.subarray(0, length));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(clip.length - 1), fc.nat(255)), { maxLength: 4 }), (edits) => {
        const damaged = Buffer.from(clip);
        for (const [at, value] of edits) damaged[at % 800] = value;
        attempt(damaged);
      }),
      { seed: SEED, numRuns: 500 },
    );
    expect(() => parseMp4(Buffer.from('hello, world'))).toThrow(Mp4Error);
  });
});

describe('the picture', () => {
  it('is the same for the same scene, on every machine', async () => {
    const clip = await encodeScene(SCENE);
    expect(createHash('sha256').update(clip).digest('hex').slice(0, 16)).toBe('96113dac0b4d83ef');
  });

  it.each([
    [320, 180, 5],
    [180, 320, 3],
    [640, 360, 10],
  ])('shows SIMULATED on every frame of %i × %i', (width, height, scale) => {
    const scene = { ...SCENE, width, height };
    const draw = sceneDrawer(scene);
    const picture = newPicture(width, height);
    const unit = Math.min(width, height) / 180;
    const top = (width > height ? 8 : 12) * unit;
    const letters = newPicture(width, height);
    drawText(letters, 'SIMULATED', Math.round((width - textWidth('SIMULATED', scale)) / 2), top, scale, 235);
    for (let index = 0; index < scene.totalFrames; index++) {
      draw(picture, index);
      const isThere = letters.y.every((luma, at) => luma !== 235 || picture.y[at] === 235);
      expect(isThere, `frame ${index}`).toBe(true);
    }
  });

  it('moves, and differs between seeds', () => {
    const frame = (scene: Scene, index: number): Buffer => {
      const picture = newPicture(scene.width, scene.height);
      sceneDrawer(scene)(picture, index);
      return visible(picture);
    };
    expect(frame(SCENE, 0).equals(frame(SCENE, 1))).toBe(false);
    expect(frame(SCENE, 10).equals(frame({ ...SCENE, seed: 43 }, 10))).toBe(false);
  });

  it('draws any prompt: accents are removed, unknown characters become boxes, long text is cut with dots', () => {
    expect(toDrawable('Süße “Kätzchen” – très café…')).toBe('Susse "Katzchen" - tres cafe...');
    expect(toDrawable('猫\n☀️')).toBe('\ufffd \ufffd');
    expect(wrapText('the quick brown-fox-jumps over', 10)).toEqual(['the quick', 'brown-fox-', 'jumps over']);
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 2_000 }),
        fc.integer({ min: 1, max: 60 }),
        (text, columns) => {
          const lines = wrapText(toDrawable(text), columns);
          expect(lines.every((line) => line.length <= columns)).toBe(true);
          sceneDrawer({ ...SCENE, prompt: text });
        },
      ),
      { seed: SEED, numRuns: 100 },
    );
  });
});
