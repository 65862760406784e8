import { describe, expect, it } from 'vitest';
import { parseOptions, USAGE } from '../../infra/cli/generate-options.ts';

function bodyOf(...args: string[]): Readonly<Record<string, unknown>> {
  const options = parseOptions(args);
  if (options === 'help') throw new Error('The options are a request for help.');
  return JSON.parse(JSON.stringify(options.body));
}

describe('the command line of generate', () => {
  it('accepts a task and a video, a previous job, and the size of a first frame', () => {
    expect(bodyOf('snow', '--task', 'edit', '--video', 'job_a/2')).toEqual({
      prompt: 'snow',
      task: 'edit',
      video: { job: 'job_a', index: 2 },
    });
    expect(bodyOf('night', '--previous-job', 'job_a')).toEqual({ prompt: 'night', previousJob: 'job_a' });
    expect(bodyOf('a', '--first-frame', 'b', '--image-size', '2K')).toEqual({
      prompt: 'a',
      firstFrame: { prompt: 'b', imageSize: '2K' },
    });
  });

  it('rejects first-frame options without --first-frame instead of ignoring them', () => {
    expect(() => parseOptions(['a', '--image-size', '2K'])).toThrow('--image-size');
    expect(() => parseOptions(['a', '--image-model', 'x'])).toThrow('--image-model');
  });

  it('resumes a job or creates one, but not both', () => {
    expect(parseOptions(['--job', 'job_a', '--out', 'o'])).toMatchObject({ jobId: 'job_a', outDir: 'o' });
    for (const more of [['a cat'], ['--duration', '4'], ['--no-audio'], ['--var', 'a=b']])
      expect(() => parseOptions(['--job', 'job_a', ...more])).toThrow('--job');
  });

  it('explains every option', () => {
    for (const option of ['--task', '--previous-job', '--image-size', '--job'])
      expect(USAGE).toContain(option);
  });
});
