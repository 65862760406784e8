/** The console page: a form that creates jobs, and a live list of jobs. Uses only the public API. */

import { createIdempotencyKeys } from './idempotency-keys.js';

/** Fast enough to watch a job, slow enough to leave the page open. */
const REFRESH_MS = 1000;

/** Minimum time between two links for a video, so that a failing link does not cause a request loop. */
const LINK_AGAIN_MS = 60_000;

const form = document.querySelector('#form');
const list = document.querySelector('#jobs');
const problem = document.querySelector('#problem');
const more = document.querySelector('#more');
const note = document.querySelector('#note');

/** The rendered items by job id, each with its job as text. Unchanged items stay, so that their videos keep playing. */
const shown = new Map();
let older = [];
let nextPageToken;

/** If the deployment requires API keys, the page asks for one and stores it until the tab is closed. */
const KEY = 'clapper-key';
const keyForm = document.querySelector('#key');

keyForm.addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, keyForm.elements.key.value.trim());
  keyForm.reset();
  keyForm.hidden = true;
});

/** Fills the form with the models of the catalogue and the parameters of the selected model. */
async function offerModels() {
  const { models, defaultModel } = await request('/v1/models');
  const videoModels = models.filter(
    ({ kind, stage, refusedBecause }) => kind === 'video' && stage !== 'retired' && !refusedBecause,
  );
  const fill = (name, values, chosen) => {
    const options = values.map((value) =>
      element('option', { value, textContent: value, selected: value === chosen }),
    );
    form.elements[name].replaceChildren(...options);
  };
  const offerLimits = () => {
    const model = videoModels.find(({ model }) => model === form.elements.model.value);
    fill('aspectRatio', model.aspectRatios, '16:9');
    fill('durationSeconds', model.durationsSeconds, model.defaultDurationSeconds);
    fill(
      'sampleCount',
      Array.from({ length: model.sampleCountMax }, (_, n) => n + 1),
      1,
    );
  };
  fill(
    'model',
    videoModels.map(({ model }) => model),
    defaultModel,
  );
  form.elements.model.addEventListener('change', offerLimits);
  offerLimits();
}

const idempotencyKeys = createIdempotencyKeys(() => crypto.randomUUID());

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(form));
  const body = JSON.stringify({
    ...values,
    durationSeconds: Number(values.durationSeconds),
    sampleCount: Number(values.sampleCount),
  });
  const button = form.querySelector('button');
  button.disabled = true;
  try {
    await request('/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKeys.keyOf(body) },
      body,
    });
    idempotencyKeys.answered();
    problem.hidden = true;
  } catch (error) {
    const again =
      ' Press the button again: a job that was created anyway is neither created nor charged twice.';
    problem.textContent = error.message + (error.cause ? again : '');
    problem.hidden = false;
    return;
  } finally {
    button.disabled = false;
  }
  // The job was created, so a failed refresh must not be shown as an error of the form.
  await refresh().catch(() => undefined);
});

more.addEventListener('click', async () => {
  try {
    const page = await request(`/v1/jobs?pageSize=20&pageToken=${encodeURIComponent(nextPageToken)}`);
    older = [...older, ...page.jobs];
    nextPageToken = page.nextPageToken;
    await refresh();
  } catch (error) {
    note.textContent = error.message;
  }
});

async function request(path, init = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...init.headers, ...(key ? { 'x-goog-api-key': key } : {}) };
  const response = await fetch(path, { ...init, headers }).catch((cause) => {
    throw new Error('The service did not answer.', { cause });
  });
  const body = await response.json();
  keyForm.hidden = response.status !== 401;
  form.hidden = !keyForm.hidden;
  if (!response.ok) throw new Error(body.detail ?? `The service answered ${response.status}.`);
  return body;
}

async function refresh() {
  const page = await request('/v1/jobs?pageSize=20');
  if (older.length === 0) nextPageToken = page.nextPageToken;
  const newest = new Set(page.jobs.map(({ id }) => id));
  draw([...page.jobs, ...older.filter(({ id }) => !newest.has(id))]);
  more.hidden = nextPageToken === undefined;
}

function draw(jobs) {
  document.querySelector('#empty').hidden = jobs.length > 0;
  jobs.forEach((job, position) => {
    const text = JSON.stringify(job);
    const before = shown.get(job.id);
    const item = before?.text === text ? before.item : itemOf(job);
    if (before && before.item !== item) before.item.replaceWith(item);
    if (list.children[position] !== item) list.insertBefore(item, list.children[position] ?? null);
    shown.set(job.id, { text, item });
  });
}

function itemOf(job) {
  const { request: requested, status, progress, priceUsd } = job;
  const facts = [
    requested.model,
    requested.aspectRatio,
    `${requested.durationSeconds} s`,
    requested.sampleCount > 1 ? `${requested.sampleCount} videos` : undefined,
    `$${priceUsd.estimate.toFixed(2)}`,
    new Date(job.createdAt).toLocaleString(),
    job.id,
  ];
  const reason = job.error ? `${job.error.code}: ${job.error.message}` : job.reason;
  return element('li', {}, [
    element('p', { className: 'prompt', textContent: requested.prompt ?? '(from an image)' }),
    element('p', { className: 'facts' }, [
      element('span', { className: `status ${status}`, textContent: status }),
      ` · ${facts.filter(Boolean).join(' · ')}`,
    ]),
    reason ? element('p', { className: 'reason', textContent: reason }) : undefined,
    progress
      ? element('progress', {
          max: progress.elapsedMs + Math.max(progress.expectedRemainingMs, 1),
          value: progress.elapsedMs,
        })
      : undefined,
    job.videos
      ? element(
          'div',
          { className: 'media' },
          job.videos.map(({ href }) => player(href)),
        )
      : undefined,
  ]);
}

/** A video element cannot send headers, so it gets a signed link. An expired one is renewed, at most once a minute. */
function player(href) {
  const video = element('video', { controls: true, preload: 'metadata', playsInline: true });
  let linkedAt = Number.NEGATIVE_INFINITY;
  const link = async () => {
    if (performance.now() - linkedAt < LINK_AGAIN_MS) return;
    linkedAt = performance.now();
    try {
      const { url } = await request(href, { headers: { accept: 'application/json' } });
      const { currentTime } = video;
      video.src = url;
      video.currentTime = currentTime;
    } catch {
      setTimeout(link, LINK_AGAIN_MS);
    }
  };
  video.addEventListener('error', link);
  void link();
  return video;
}

function element(name, properties, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

let offered = false;
for (;;) {
  try {
    if (!offered) await offerModels();
    offered = true;
    await refresh();
    note.textContent = 'Videos are stored in the output bucket.';
  } catch {
    note.textContent = keyForm.hidden
      ? 'The service does not answer. Trying again.'
      : 'This deployment requires an API key.';
  }
  await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
}
