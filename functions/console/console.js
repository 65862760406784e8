/** The page: a form that makes jobs, and the list of them, kept up to date. Speaks only the public API. */

import { createUnanswered } from './unanswered.js';

/** Quick enough to watch a job, slow enough to leave open. */
const REFRESH_MS = 1000;

/** A link that fails at once would fail again at once. */
const LINK_AGAIN_MS = 60_000;

const form = document.querySelector('#form');
const list = document.querySelector('#jobs');
const problem = document.querySelector('#problem');
const more = document.querySelector('#more');
const note = document.querySelector('#note');

/** What is shown, by job id, with the text it was drawn from, so that a playing video is not drawn again. */
const shown = new Map();
let older = [];
let nextPageToken;

/** Where only keys are let in the page asks for one, and keeps it for as long as its tab is open. */
const KEY = 'clapper-key';
const keyForm = document.querySelector('#key');

keyForm.addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, keyForm.elements.key.value.trim());
  keyForm.reset();
  keyForm.hidden = true;
});

/** What can be chosen is what the catalogue says of the model. */
async function offerModels() {
  const { models, defaultModel } = await request('/v1/models');
  const videoModels = models.filter(({ kind, stage }) => kind === 'video' && stage !== 'retired');
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

const unanswered = createUnanswered(() => crypto.randomUUID());

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
      headers: { 'content-type': 'application/json', 'idempotency-key': unanswered.keyOf(body) },
      body,
    });
    unanswered.answered();
    problem.hidden = true;
  } catch (error) {
    const again = ' Press again: what was made all the same is not made, or paid for, twice.';
    problem.textContent = error.message + (error.cause ? again : '');
    problem.hidden = false;
    return;
  } finally {
    button.disabled = false;
  }
  // The job is there; that the list cannot be read now is no reason to make it again.
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
    throw new Error('The service gave no answer.', { cause });
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
  const { request: asked, status, progress, priceUsd } = job;
  const facts = [
    asked.model,
    asked.aspectRatio,
    `${asked.durationSeconds} s`,
    asked.sampleCount > 1 ? `${asked.sampleCount} videos` : undefined,
    `$${priceUsd.estimate.toFixed(2)}`,
    new Date(job.createdAt).toLocaleString(),
    job.id,
  ];
  const reason = job.error ? `${job.error.code}: ${job.error.message}` : job.reason;
  return element('li', {}, [
    element('p', { className: 'prompt', textContent: asked.prompt ?? '(from a picture)' }),
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

/** A player sends no headers, so it is given the signed link; one that has expired is asked for again, once a minute. */
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
    note.textContent = 'A prompt goes in, videos land in the bucket.';
  } catch {
    note.textContent = keyForm.hidden
      ? 'The service does not answer; trying again.'
      : 'This address is for callers with an API key.';
  }
  await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
}
