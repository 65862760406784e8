/**
 * A setting that one of its carriers drops does not compile. Each case compiles a copy of `functions/` in which carriers
 * lack a setting, and expects the compiler to name the carrier and the setting.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryDir } from '../../support/temporary-dir.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const DIR = temporaryDir();

interface Edit {
  readonly file: string;
  readonly setting: string;
  readonly from: string | RegExp;
  readonly to: string;
  /** The file whose error names the setting, if it is another one. */
  readonly blames?: string;
}

/** Removes a line like `seed: settings.seed,`. */
const spelled = (file: string, setting: string, object = 'settings'): Edit => ({
  file: `adapters/${file}.ts`,
  setting,
  from: new RegExp(`^ *${setting}: .*${object}\\.${setting},\\n`, 'm'),
  to: '',
});
/** Removes the setting from an object of settings that is passed on as a whole. */
const passedOn = (file: string, object: string, blames = file): Edit => ({
  file,
  setting: 'pubsubTopic',
  from: object,
  to: object.replace(/[\w(, )]+$/, (whole) => `(({ pubsubTopic: _, ...rest }) => rest)(${whole})`),
  blames,
});

const CASES: Readonly<Record<string, readonly Edit[]>> = {
  'the row of the setting': [
    {
      file: 'core/catalogue/model-settings.ts',
      setting: 'pubsubTopic',
      from: /^ {2}pubsubTopic: \{\n[\s\S]*?^ {2}\},\n/m,
      to: '',
      blames: 'adapters/vertex-provider.ts',
    },
  ],
  'the request body': [
    passedOn('core/request/request-body.ts', '...SETTINGS_IN_REQUEST', 'core/request/request-parameters.ts'),
  ],
  'the validated request': [passedOn('core/request/request-parameters.ts', '...pick(body, SETTINGS)')],
  'the stored request': [passedOn('core/job/video-request.ts', '...SETTINGS_IN_JOB', 'core/job/stages.ts')],
  'the stage': [passedOn('core/job/stages.ts', 'pick(request, SETTINGS)')],
  // The errors of the adapters do not depend on each other.
  'each adapter': [
    spelled('vertex-provider', 'pubsubTopic'),
    spelled('gemini-provider', 'negativePrompt'),
    spelled('omni-provider', 'labels'),
    { file: 'adapters/gemini-images.ts', setting: 'imageSize', from: /^ {8}imageSize,\n/m, to: '' },
    { file: 'adapters/vertex-images.ts', setting: 'imageSize', from: /^ {8}imageSize,\n/m, to: '' },
    spelled('gemini-imagen', 'imageSize', 'stage'),
  ],
  'the calls of adapters that rename settings': [
    { file: 'adapters/omni-provider.ts', setting: 'labels', from: /, labels \}\),/, to: ' }),' },
    { file: 'adapters/gemini-imagen.ts', setting: 'imageSize', from: 'sampleImageSize: imageSize, ', to: '' },
  ],
};

function compile(name: string, edits: readonly Edit[], files: readonly string[]): Promise<string> {
  const dir = path.join(DIR, name.replaceAll(' ', '-'));
  mkdirSync(dir);
  cpSync(path.join(ROOT, 'functions'), path.join(dir, 'functions'), { recursive: true });
  cpSync(path.join(ROOT, 'package.json'), path.join(dir, 'package.json'));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(dir, 'node_modules'));
  for (const edit of edits) {
    const file = path.join(dir, 'functions', edit.file);
    const source = readFileSync(file, 'utf8');
    const edited = source.replace(edit.from, edit.to);
    if (edited === source) throw new Error(`${edit.file} has no ${edit.from}`);
    writeFileSync(file, edited);
  }
  const config = {
    extends: path.join(ROOT, 'tsconfig.json'),
    compilerOptions: { rootDir: '.', pretty: false },
    include: [],
    files: files.map((file) => `functions/${file}`),
  };
  writeFileSync(path.join(dir, 'tsconfig.json'), JSON.stringify(config));
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [compiler, '-p', dir], { cwd: dir }, (error, stdout, stderr) => {
      if ((error === null) === (stdout === '')) resolve(stdout);
      else reject(new Error(`the compiler exited with ${error?.code} and said ${stdout}${stderr}`));
    });
  });
}

/** The errors in one file. Their details are indented lines. */
const errorsIn = (output: string, file: string): string =>
  output
    .split(/\n(?! )/)
    .filter((error) => error.startsWith(`functions/${file}(`))
    .join('\n');

describe('a dropped setting', () => {
  const edited = Object.values(CASES).flat();

  it('is the only error in these copies: the carriers compile as they are', async () => {
    const files = new Set(edited.flatMap(({ file, blames = file }) => [file, blames]));
    expect(await compile('unchanged', [], [...files])).toBe('');
  });

  it.each(Object.entries(CASES))('does not compile in %s', async (name, edits) => {
    const output = await compile(
      name,
      edits,
      edits.flatMap(({ file, blames = file }) => [file, blames]),
    );
    for (const { file, setting, blames = file } of edits)
      expect(errorsIn(output, blames)).toMatch(new RegExp(`error TS\\d+:.*'${setting}'`));
  });
});
