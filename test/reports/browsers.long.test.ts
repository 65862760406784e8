/**
 * googleapis/js-genai#1723: Google's SDK in a web page of another origin, in real Chromium. The page makes a video, follows
 * the redirect to the storage with its key, and uploads a file.
 */
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../infra/stack/free-port.ts';
import { startTestStack, type TestStack } from '../support/local-stack.ts';
import { listening } from '../support/ports.ts';

const CHROMIUM = process.env['CLAPPER_CHROMIUM'] ?? '/usr/bin/chromium';
const whyNot = existsSync(CHROMIUM)
  ? undefined
  : `no Chromium at ${CHROMIUM}; CLAPPER_CHROMIUM names another place`;

/** The script of the page. `base` is the API's URL. */
const SCRIPT = `
import { GoogleGenAI } from 'google-genai-2';

const KEY = { 'x-goog-api-key': 'ann' };

window.makeWithSdk = async (base) => {
  const ai = new GoogleGenAI({ apiKey: 'ann', httpOptions: { baseUrl: base } });
  let operation = await ai.models.generateVideos({
    model: 'veo-3.1-generate-preview', prompt: 'a kitten', config: { durationSeconds: 4 },
  });
  while (!operation.done) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    operation = await ai.operations.getVideosOperation({ operation });
  }
  const { uri } = operation.response.generatedVideos[0].video;
  const withHeader = await fetch(uri, { headers: { ...KEY, 'x-goog-api-client': 'page' } });
  const withParameter = await fetch(uri + '&key=ann', { headers: { range: 'bytes=4-7' } });
  return {
    bytes: (await withHeader.arrayBuffer()).byteLength,
    type: withHeader.headers.get('content-type'),
    disposition: withHeader.headers.get('content-disposition'),
    part: await withParameter.text(),
  };
};

window.makeWithFetch = async (base) => {
  const created = await fetch(base + '/v1/jobs', {
    method: 'POST',
    headers: { ...KEY, 'content-type': 'application/json', 'idempotency-key': 'page-1' },
    body: JSON.stringify({ prompt: 'a kitten', durationSeconds: 4 }),
  });
  const location = created.headers.get('location');
  const done = await fetch(base + location, { headers: { ...KEY, prefer: 'wait=60' } });
  const redirected = await fetch(base + location + '/videos/0', { headers: KEY });
  const bytes = (await redirected.arrayBuffer()).byteLength;
  const linked = await fetch(base + location + '/videos/0', { headers: { ...KEY, accept: 'application/json' } });
  const { url } = await linked.json();
  const video = document.createElement('video');
  video.crossOrigin = 'anonymous';
  video.src = url;
  const seconds = await new Promise((resolve) => {
    video.onloadedmetadata = () => resolve(video.duration);
    video.onerror = () => resolve(video.error.message);
  });
  return {
    applied: done.headers.get('preference-applied'), status: (await done.json()).status,
    same: bytes === (await (await fetch(url)).arrayBuffer()).byteLength, bytes, seconds,
  };
};

window.upload = async (base) => {
  const json = { ...KEY, 'content-type': 'application/json' };
  const link = await (await fetch(base + '/v1/uploads', {
    method: 'POST', headers: json, body: JSON.stringify({ mimeType: 'image/png' }),
  })).json();
  const canvas = new OffscreenCanvas(64, 36);
  canvas.getContext('2d').fillRect(0, 0, 64, 36);
  const put = await fetch(link.url, { method: 'PUT', headers: link.headers, body: await canvas.convertToBlob() });
  const image = { gcsUri: link.gcsUri, mimeType: 'image/png' };
  const job = await fetch(base + '/v1/jobs', {
    method: 'POST', headers: json, body: JSON.stringify({ prompt: 'a kitten', image }),
  });
  return [put.status, job.status];
};

window.postWithout = async (base) => {
  const path = '/v1beta/models/veo-3.1-generate-preview:predictLongRunning?key=eve';
  const body = JSON.stringify({ instances: [{ prompt: 'a kitten' }] });
  await fetch(base + path, { method: 'POST', mode: 'no-cors', body });
  return fetch(base + '/v1/models', { headers: { 'x-goog-api-key': 'eve' } }).then(() => 'read', (error) => error.name);
};
`;

let stack: TestStack;
let browser: Browser;
let server: Server;
let port: number;

/** A page at this host of the loopback interface. */
async function pageAt(host: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`http://${host}:${port}/`);
  return page;
}

const call = (page: Page, name: string): Promise<unknown> =>
  page.evaluate(`${name}(${JSON.stringify(stack.endpoints.api)})`);

describe.skipIf(whyNot)(`a page of another origin${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  beforeAll(async () => {
    const resolveDir = fileURLToPath(new URL('../..', import.meta.url));
    const [bundle] = (
      await build({
        stdin: { contents: SCRIPT, resolveDir },
        ...{ bundle: true, write: false, format: 'iife', platform: 'browser' },
      })
    ).outputFiles;
    port = await freePort();
    server = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(
        isScript ? bundle?.text : '<!doctype html><meta charset="utf-8"><script src="/page.js"></script>',
      );
    }).listen(port);
    await listening(port);
    [stack, browser] = await Promise.all([
      startTestStack(),
      chromium.launch({
        executablePath: CHROMIUM,
        // Every name is this machine, so that a page can have a foreign origin.
        args: ['--no-sandbox', '--host-resolver-rules=MAP * 127.0.0.1'],
      }),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    await stack?.dispose();
  });

  it('makes a video with Google’s SDK, and downloads it by the redirect with its key (googleapis/js-genai#1723)', async () => {
    const page = await pageAt('localhost');
    expect(await call(page, 'makeWithSdk')).toEqual({
      bytes: expect.any(Number),
      ...{ type: 'video/mp4', part: 'ftyp' },
      disposition: expect.stringMatching(/^attachment; filename="job_[a-z2-7]{26}-0\.mp4"$/),
    });
  });

  it('uses the own API: key, waiting, redirect, and a player with the link', async () => {
    const page = await pageAt('localhost');
    const made = await call(page, 'makeWithFetch');
    expect(made).toMatchObject({
      applied: 'wait=60',
      status: 'succeeded',
      same: true,
      seconds: expect.any(Number),
    });
  });

  it('uploads an image by a signed link and uses it', async () => {
    expect(await call(await pageAt('localhost'), 'upload')).toEqual([200, 201]);
  });

  it('that is not allowed can neither read nor make anything', async () => {
    const page = await pageAt('evil.example.com');
    const answers: [string, number][] = [];
    page.on('response', (response) => answers.push([response.request().method(), response.status()]));
    expect(await call(page, 'postWithout')).toBe('TypeError');
    expect(answers).toContainEqual(['POST', 403]);
    const headers = { 'x-goog-api-key': 'eve' };
    const jobs = await fetch(`${stack.endpoints.api}/v1/jobs`, { headers });
    expect(await jobs.json()).toEqual({ jobs: [] });
  });
});
