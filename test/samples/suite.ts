/** One test per program: it exits with 0, prints nothing to stderr, and writes exactly the files of its document. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseMp4 } from '../../infra/mp4/mp4-parser.ts';
import { decodePng } from '../conformance/models/image-harness.ts';
import { type ExpectedVideo, PROGRAMS, type Program } from './programs.ts';
import { type Run, runProgram } from './run-program.ts';
import type { Target } from './targets.ts';

/** Tools that the shell scripts need, besides bash. */
const TOOLS = ['curl', 'jq', 'base64'];

/** The tool that the program needs and this machine lacks. */
function missingTool({ file }: Program): string | undefined {
  if (!file.endsWith('.sh')) return undefined;
  return ['bash', ...TOOLS].find((tool) => {
    try {
      execFileSync(tool, ['--version'], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
}

/** The simulated models scale each dimension down: 720p to a quarter, 1080p to a third. */
function expectedProperties({ seconds, aspectRatio, resolution }: ExpectedVideo) {
  const [long, short] = resolution === '1080p' ? [640, 360] : [320, 180];
  const [width, height] = aspectRatio === '9:16' ? [short, long] : [long, short];
  return { width, height, seconds, frames: seconds * 24, isH264: true };
}

/** @throws Mp4Error when the video is damaged */
function propertiesOf(bytes: Buffer) {
  const { width, height, durationSeconds, codec, frames } = parseMp4(bytes);
  return {
    width,
    height,
    seconds: durationSeconds,
    frames: frames().length,
    isH264: codec.startsWith('avc1.'),
  };
}

async function check(program: Program, run: Run, target: Target): Promise<void> {
  const { videos = {}, images = [], object } = program;
  expect({ exitCode: run.exitCode, stderr: run.stderr }, run.stdout).toEqual({ exitCode: 0, stderr: '' });
  expect(Object.keys(run.written).sort()).toEqual([...Object.keys(videos), ...images].sort());
  for (const [name, bytes] of Object.entries(run.written)) {
    const wanted = videos[name];
    if (wanted) expect(propertiesOf(bytes), name).toEqual(expectedProperties(wanted));
    else expect(decodePng(bytes).width, name).toBeGreaterThan(0);
  }
  if (!object) return;
  const uri = run.stdout.trim().split('\n').at(-1) ?? '';
  expect(uri).toMatch(/^gs:\/\//);
  expect(propertiesOf(await target.readObject(uri)), uri).toEqual(expectedProperties(object));
}

export function samplesRunOn(name: string, start: () => Promise<Target>): void {
  let target: Target;
  let expectedCalls = 0;
  beforeAll(async () => {
    target = await start();
  }, 60_000);
  afterAll(() => target.stop());

  describe.concurrent(`the samples of Google’s documents run on ${name}`, () => {
    it.for(PROGRAMS.map((program) => [program.file, program] as const))(
      '%s',
      async ([, program], { skip }) => {
        const tool = missingTool(program);
        if (tool !== undefined) skip(`${tool} is not installed`);
        expectedCalls += program.paidCalls ?? 1;
        await check(program, await runProgram(program, target.environment), target);
      },
    );
  });

  it('each call of the samples is paid once', async () => {
    expect(expectedCalls).toBeGreaterThan(0);
    expect(await target.countPaidCalls()).toBe(expectedCalls);
  });
}
