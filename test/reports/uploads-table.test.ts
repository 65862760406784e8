/** Every row of the tables in docs/inputs.md, with the words that a user gets. Measured on b5f8afa. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { JPEG, PNG } from '../support/images.ts';
import { box, mvhd } from '../support/mp4-boxes.ts';
import { reportFile } from '../support/report-files.ts';
import { uploadWorld } from '../support/uploads.ts';

const page = readFileSync(new URL('../../docs/inputs.md', import.meta.url), 'utf8');
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const ftyp = (brand: string): Buffer =>
  Buffer.concat([Buffer.from([0, 0, 0, 20]), latin1(`ftyp${brand}\0\0\0\0${brand}`), Buffer.alloc(40)]);
/** An MP4 of headers alone. */
const clip = (seconds: number): Buffer =>
  Buffer.concat([box('ftyp', latin1('isom\0\0\0\0isom')), box('moov', mvhd(0, 24, seconds * 24))]);
const zip = (first: string): Buffer =>
  Buffer.concat([
    Buffer.from('504b03041400000008000000210000000000000000000000000000000000', 'hex'),
    latin1(first),
  ]);

const CSV = 'prompt,durationSeconds\nA cat,4\n';
const REQUEST = '{"prompt": "a moon", "durationSeconds": 4}';

const CLIP = '"referenceVideos": [{"video": {"gcsUri": "gs://in/uploads/wave.mp4"}}]';

/** By the name that the table gives them. */
const CONTENTS: Readonly<Record<string, string | Uint8Array>> = {
  'a PNG': PNG,
  'a JPEG': JPEG,
  'a WebP image': reportFile('webp.jpg'),
  'a JPEG with a video behind it': reportFile('motion.jpg'),
  'a HEIC image': ftyp('heic'),
  'an AVIF image': ftyp('avif'),
  'a JPEG XL image': Buffer.from('0000000c4a584c200d0a870a', 'hex'),
  'a TIFF image': Buffer.from('49492a0008000000000000000000', 'hex'),
  'a raw photo': Buffer.from('49492a0008000000010012c6010004000000010400000000', 'hex'),
  'a GIF': latin1('GIF89a\x01\0\x01\0'),
  'an SVG image': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'a video': ftyp('isom'),
  'a clip of 3 s': clip(3),
  'a clip of 4 s': clip(4),
  'a PDF': '%PDF-1.7\n',
  'a workbook': zip('[Content_Types].xml'),
  'a ZIP archive': zip('cats/cat.png'),
  'a web page': '<!DOCTYPE html><html><body>Sign in</body></html>',
  'random bytes': Buffer.from('8f00c2d1be9904a6cc7d01', 'hex'),
  'no bytes': '',
  text: 'it purrs\n',
  'text in UTF-16': Buffer.from('\ufeffit purrs', 'utf16le'),
  'a prompt': 'it purrs\n',
  'another prompt': 'it sleeps\n',
  'a prompt in JSON': '{"prompt": "it purrs"}',
  'a request': REQUEST,
  'a gzipped request': gzipSync(REQUEST),
  'a request to Omni with a reference video': `{"prompt": "a moon", "model": "gemini-omni-1.2-flash", ${CLIP}}`,
  'a request to Veo with a reference video': `{"prompt": "a moon", ${CLIP}}`,
  'half a request': REQUEST.slice(0, 20),
  'a request with an error': '{"prompt": "a moon", "durationSeconds": 9}',
  'an image in base64': PNG.toString('base64'),
  'a data: URI': `data:image/png;base64,${PNG.toString('base64')}`,
  'CSV with blank rows': 'prompt,durationSeconds\n,\na moon,4\n , \n',
  'CSV that begins with sep=;': 'sep=;\r\nprompt;durationSeconds\r\na moon;4\r\n',
  'CSV with unnamed, empty columns': 'prompt,,\na moon,,\n',
  'CSV with an error value': 'prompt\na moon\n#REF!\n',
  'CSV with a formula': 'prompt\na moon\n"=HYPERLINK(""x"")"\n',
  'CSV with its header again': 'prompt,durationSeconds\na moon,4\nprompt,durationSeconds\n',
  'CSV with a decimal comma': 'prompt;durationSeconds\na moon;4\na sun;8,0\n',
  'CSV with a missing value': 'prompt\na moon\nnan\n',
  'CSV under a title': 'My cats,\nprompt,durationSeconds\na moon,4\n',
  'JSON lines with half a surrogate pair': '{"prompt": "a moon"}\n{"prompt": "a \\ud83d"}\n',
  'CSV rows': CSV,
  'gzipped CSV rows': gzipSync(CSV),
  'JSON lines': `${REQUEST}\n`,
  'CSV rows with an error': `${CSV}A dog,9\n`,
};

interface Row {
  readonly rule: unknown;
  /** A file of the first column, with its content and metadata. */
  readonly files: readonly { readonly name: string; readonly content: string; readonly prompt?: string }[];
  readonly becomes: string;
  readonly words: string;
  readonly title: string;
}

function rowsOf(text: string): Row[] {
  let rule: unknown;
  const rows: Row[] = [];
  for (const line of text.split('\n')) {
    const [, json] = /^Rule: `(.+)`/.exec(line) ?? [];
    if (json !== undefined) rule = JSON.parse(json);
    const cells = line.startsWith('|') ? line.split('|').map((cell) => cell.trim()) : [];
    const [, file = '', content = '', becomes = '', words = ''] = cells;
    if (!file.startsWith('`')) continue;
    const names = [...file.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    const contents = content.split(', then ');
    const files = names.map((name, n) => {
      const [, label = '', prompt] =
        /^(.*?)(?: with the metadata prompt=(.+))?$/.exec(contents[n] ?? '') ?? [];
      return { name, content: label, ...(prompt === undefined ? {} : { prompt }) };
    });
    rows.push({ rule, files, becomes, words, title: `${file}, ${content}: ${becomes}` });
  }
  return rows;
}

const rows = rowsOf(page);

it('the tables use every content of this test, and no other', () => {
  const used = new Set(rows.flatMap(({ files }) => files.map(({ content }) => content)));
  expect([...used].sort()).toEqual(Object.keys(CONTENTS).sort());
});

it.each(rows)('$title', async ({ rule, files, becomes, words }) => {
  const { world, drop, waitInVain, finish, prompts, errors, uploads } = uploadWorld([rule]);
  for (const { name, content, prompt } of files) {
    const metadata = prompt === undefined ? {} : { prompt };
    // As tools that know nothing of the file declare it.
    await drop(`uploads/${name}`, CONTENTS[content] ?? '', 'application/octet-stream', metadata);
  }
  if (becomes.startsWith('after 10 minutes')) {
    expect(errors()).toEqual({});
    await waitInVain();
  }
  await finish();
  const [, prompt] = /^a job: (.+)$/.exec(becomes) ?? [];
  const made =
    becomes.startsWith('a job') || becomes === 'a batch' || becomes === 'a batch and an error file';
  expect(await prompts()).toHaveLength(made ? 1 : 0);
  if (prompt !== undefined) expect(await prompts()).toEqual([prompt]);
  expect(await world.batches.list({ caller: undefined, pageSize: 5, after: undefined })).toHaveLength(
    /^a (?:failed )?batch/.test(becomes) ? 1 : 0,
  );
  const hasError = becomes.endsWith('an error file');
  const details = Object.values(errors()).flat().join('\n');
  expect(details).toBe(hasError ? details : '');
  expect(details).toContain(hasError ? words : '');
  if (hasError) expect(words).not.toBe('');
  // An ignored file is not reported either.
  if (becomes === 'nothing') expect(uploads.objects.size).toBe(files.length);
});
