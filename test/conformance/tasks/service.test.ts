import { describe, expect, it } from 'vitest';
import {
  Code,
  dispatched,
  enqueue,
  makeQueue,
  millisecondsOf,
  type NewTask,
  openWorld,
  queueName,
  secondsFrom,
} from './support.ts';

const HOUR_MS = 3_600_000;
const TOO_RECENT =
  'The task cannot be created because a task with this name existed too recently. For more information about task ' +
  'de-duplication see https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/create#body.request_body.FIELDS.task.';
const GONE =
  'The task no longer exists, though a task with this name existed recently. The task either successfully completed or was deleted.';

describe('tasks, through the official client', () => {
  it('a task is returned as it was created, without its body unless FULL is requested', async () => {
    const world = await openWorld();
    const { client, clock } = world;
    const parent = await makeQueue(world, 'q');
    const body = Buffer.from([0, 255, 10, 13, 128]);
    const at = clock.now() + 60_000.25;
    const task: NewTask = {
      name: `${parent}/tasks/my-task_1`,
      scheduleTime: secondsFrom(at),
      dispatchDeadline: { seconds: 30 },
      httpRequest: {
        url: 'http://127.0.0.1:1/path?x=1',
        httpMethod: 'PUT',
        headers: { 'X-Mixed-Case': 'kept', 'content-type': 'application/json', 'User-Agent': 'mine' },
        body,
      },
    };
    const [basic] = await client.createTask({ parent, task });
    expect(basic).toMatchObject({ name: task.name, dispatchCount: 0, responseCount: 0, view: 'BASIC' });
    expect(millisecondsOf(basic.scheduleTime)).toBe(at);
    expect(millisecondsOf(basic.dispatchDeadline)).toBe(30_000);
    expect(Number(basic.createTime?.seconds)).toBe(Math.floor(clock.now() / 1000));
    expect(basic.createTime?.nanos).toBe(0);
    expect(basic.firstAttempt).toBeNull();
    expect(basic.lastAttempt).toBeNull();
    expect(basic.httpRequest).toMatchObject({
      url: 'http://127.0.0.1:1/path?x=1',
      httpMethod: 'PUT',
      headers: {
        'X-Mixed-Case': 'kept',
        'content-type': 'application/json',
        'User-Agent': 'Google-Cloud-Tasks',
      },
    });
    expect(basic.httpRequest?.body).toHaveLength(0);

    const name = task.name ?? '';
    const [read] = await client.getTask({ name });
    expect(read).toEqual(basic);
    const [full] = await client.getTask({ name, responseView: 'FULL' });
    expect(full.view).toBe('FULL');
    expect(Buffer.from(full.httpRequest?.body ?? '')).toEqual(body);
    const [listed] = await client.listTasks({ parent, responseView: 'FULL' });
    expect(listed).toEqual([full]);
  });

  it('defaults: POST, now, a deadline of 10 minutes, a numeric id', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q');
    await world.client.pauseQueue({ name: parent });
    const [task] = await world.client.createTask({
      parent,
      task: {
        httpRequest: { url: world.target.url() },
        scheduleTime: secondsFrom(world.clock.now() - HOUR_MS),
      },
    });
    expect(task.name).toMatch(new RegExp(`^${parent}/tasks/\\d{1,20}$`));
    expect(task.httpRequest?.httpMethod).toBe('POST');
    expect(millisecondsOf(task.scheduleTime)).toBe(world.clock.now());
    expect(millisecondsOf(task.dispatchDeadline)).toBe(600_000);
  });

  it('a list is paged by name and stays correct while tasks are deleted', async () => {
    const world = await openWorld();
    const { client } = world;
    const parent = await makeQueue(world, 'q');
    await client.pauseQueue({ name: parent });
    for (const id of ['d', 'b', 'a', 'c', 'e']) await enqueue(world, parent, id);
    const page = async (pageToken: string) => {
      const [tasks, , response] = await client.listTasks(
        { parent, pageSize: 2, pageToken },
        { autoPaginate: false },
      );
      return {
        ids: tasks.map(({ name }) => name?.slice(-1)),
        next: response?.nextPageToken ?? '',
      };
    };
    const first = await page('');
    expect(first.ids).toEqual(['a', 'b']);
    await client.deleteTask({ name: `${parent}/tasks/b` });
    await client.deleteTask({ name: `${parent}/tasks/c` });
    const second = await page(first.next);
    expect(second).toEqual({ ids: ['d', 'e'], next: '' });
    await expect(client.listTasks({ parent, pageSize: -1 }, { autoPaginate: false })).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
    });
  });

  it('a page of large tasks ends early, and the pages together contain all of them', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q');
    await world.client.pauseQueue({ name: parent });
    const body = Buffer.alloc(900_000, 'x');
    for (let i = 0; i < 6; i++) {
      await enqueue(world, parent, `t${i}`, { httpRequest: { url: world.target.url(), body } });
    }
    const [page, , response] = await world.client.listTasks(
      { parent, responseView: 'FULL' },
      { autoPaginate: false },
    );
    expect(page.length).toBeLessThan(6);
    expect(response?.nextPageToken).not.toBe('');
    const [all] = await world.client.listTasks({ parent, responseView: 'FULL' });
    expect(all.map(({ httpRequest }) => httpRequest?.body?.length)).toEqual(Array(6).fill(900_000));
  });

  it('a name is reserved while its task exists and for one hour after it has completed', async () => {
    const world = await openWorld();
    const { client, attempts } = world;
    const parent = await makeQueue(world, 'q');
    await client.pauseQueue({ name: parent });
    const name = await enqueue(world, parent, 'once');
    await expect(enqueue(world, parent, 'once')).rejects.toMatchObject({
      code: Code.ALREADY_EXISTS,
      details: 'Requested entity already exists',
    });
    await client.resumeQueue({ name: parent });
    await attempts.at(0);
    await expect(client.getTask({ name })).rejects.toMatchObject({ code: Code.NOT_FOUND, details: GONE });
    world.advance(HOUR_MS - 1);
    await expect(enqueue(world, parent, 'once')).rejects.toMatchObject({
      code: Code.ALREADY_EXISTS,
      details: TOO_RECENT,
    });
    world.advance(1);
    await enqueue(world, parent, 'once');
    expect((await attempts.at(1)).end).toBe('succeeded');
  });

  it('the names of deleted, purged and exhausted tasks are also reserved, for the configured time', async () => {
    const world = await openWorld({ tombstoneMs: 24 * HOUR_MS });
    const { client, target, attempts } = world;
    const parent = await makeQueue(world, 'q', { retryConfig: { maxAttempts: 1 } });
    target.reply = () => 500;
    await enqueue(world, parent, 'exhausted');
    expect((await attempts.at(0)).end).toBe('exhausted');
    await client.pauseQueue({ name: parent });
    await client.deleteTask({ name: await enqueue(world, parent, 'deleted') });
    await enqueue(world, parent, 'purged');
    await client.purgeQueue({ name: parent });
    const refused = async (): Promise<unknown[]> => {
      const tries = ['exhausted', 'deleted', 'purged'].map((id) =>
        enqueue(world, parent, id).then(
          () => 'created',
          ({ code }) => code,
        ),
      );
      return Promise.all(tries);
    };
    world.advance(24 * HOUR_MS - 1);
    expect(await refused()).toEqual(Array(3).fill(Code.ALREADY_EXISTS));
    world.advance(1);
    expect(await refused()).toEqual(Array(3).fill('created'));
  });

  it('the same name in another queue is a different task', async () => {
    const world = await openWorld();
    const one = await makeQueue(world, 'one');
    const two = await makeQueue(world, 'two');
    await enqueue(world, one, 'same');
    await enqueue(world, two, 'same');
    expect(await world.target.arrivals.atLeast(2)).toHaveLength(2);
  });

  it('an unknown name is not found, and a deleted task does not run', async () => {
    const world = await openWorld();
    const { client } = world;
    const parent = await makeQueue(world, 'q');
    const name = `${parent}/tasks/none`;
    const refusal = { code: Code.NOT_FOUND, details: 'Requested entity was not found.' };
    await expect(client.getTask({ name })).rejects.toMatchObject(refusal);
    await expect(client.deleteTask({ name })).rejects.toMatchObject(refusal);
    await expect(client.runTask({ name })).rejects.toMatchObject(refusal);
    const doomed = await enqueue(world, parent, 'doomed', {
      scheduleTime: secondsFrom(world.clock.now() + 1000),
    });
    await client.deleteTask({ name: doomed });
    world.advance(2000);
    expect(await dispatched(world)).toBe(0);
  });

  const URL_OK = 'http://127.0.0.1:1/';
  const at = (seconds: number): NewTask => ({ scheduleTime: { seconds } });
  const request = (httpRequest: NewTask['httpRequest']): NewTask => ({
    httpRequest: { url: URL_OK, ...httpRequest },
  });
  const REFUSED: readonly (readonly [string, NewTask, string | RegExp])[] = [
    ['no target', {}, /httpRequest/],
    ['no URL', { httpRequest: {} }, 'HttpRequest.url is required.'],
    [
      'a URL without scheme',
      request({ url: '127.0.0.1/x' }),
      "HttpTarget.url must start with 'http://' or 'https://'.",
    ],
    [
      'another scheme',
      request({ url: 'ftp://127.0.0.1/' }),
      "HttpTarget.url must start with 'http://' or 'https://'.",
    ],
    ['a URL without host', request({ url: 'http://' }), /not a valid URL/],
    ['a URL too long', request({ url: `${URL_OK}${'x'.repeat(2083)}` }), /2083/],
    ['a GET with a body', request({ httpMethod: 'GET', body: Buffer.from('x') }), /POST, PUT or PATCH/],
    ['a DELETE with a body', request({ httpMethod: 'DELETE', body: Buffer.from('x') }), /POST, PUT or PATCH/],
    ['a header with a line break', request({ headers: { 'x-a': 'b\r\nx-c: d' } }), /headers/],
    ['80 KB of headers', request({ headers: { 'x-a': 'b'.repeat(80 * 1024) } }), /80KB/],
    ['a token without account', request({ oidcToken: {} }), /serviceAccountEmail/],
    [
      'a deadline under 15 s',
      { ...request({}), dispatchDeadline: { seconds: 14, nanos: 999_000_000 } },
      'Task.dispatchDeadline must be between [15s, 30m].',
    ],
    [
      'a deadline over 30 min',
      { ...request({}), dispatchDeadline: { seconds: 1801 } },
      'Task.dispatchDeadline must be between [15s, 30m].',
    ],
    [
      'a schedule time beyond 30 days',
      { ...request({}), ...at(4_102_444_800) },
      'The Task.scheduleTime, 2100-01-01T00:00:00.000Z, is too far in the future. Schedule time must be no more than 720h in the future.',
    ],
    [
      'an id with a space',
      { ...request({}), name: `${queueName('q')}/tasks/not a valid id` },
      'Task ID "not a valid id" can contain only letters ([A-Za-z]), numbers ([0-9]), hyphens (-), or underscores (_). Task ID must between 1 and 500 characters.',
    ],
    [
      'an id too long',
      { ...request({}), name: `${queueName('q')}/tasks/${'x'.repeat(501)}` },
      /500 characters/,
    ],
    ['a malformed task name', { ...request({}), name: 'q/t' }, /^Task name must be formatted/],
    [
      'a name in another queue',
      { ...request({}), name: `${queueName('q-other')}/tasks/t` },
      `The queue name from request ('${queueName('q')}') must be the same as the queue name in the named task ('${queueName('q-other')}').`,
    ],
  ];

  it('invalid tasks are refused and not stored', async () => {
    const world = await openWorld({ signIdToken: () => 'token' });
    const parent = await makeQueue(world, 'q');
    for (const [what, task, details] of REFUSED) {
      const refusal = {
        code: Code.INVALID_ARGUMENT,
        details: typeof details === 'string' ? details : expect.stringMatching(details),
      };
      await expect(world.client.createTask({ parent, task }), what).rejects.toMatchObject(refusal);
    }
    await expect(
      world.client.createTask({ parent: 'q', task: { httpRequest: { url: URL_OK } } }),
    ).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    const [tasks] = await world.client.listTasks({ parent });
    expect(tasks).toEqual([]);
  });

  it('the limits themselves are allowed: 15 s, 30 min, 30 days, an id of 500 characters, an unusual escape', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q');
    await world.client.pauseQueue({ name: parent });
    const inThirtyDays = world.clock.now() + 720 * HOUR_MS;
    await enqueue(world, parent, 'x'.repeat(500), { dispatchDeadline: { seconds: 15 } });
    await enqueue(world, parent, 'a', { dispatchDeadline: { seconds: 1800 } });
    await enqueue(world, parent, 'b', { scheduleTime: secondsFrom(inThirtyDays) });
    await enqueue(world, parent, 'c', { httpRequest: { url: world.target.url('/%zz') } });
    const [tasks] = await world.client.listTasks({ parent });
    expect(tasks).toHaveLength(4);
  });

  it('a task of 1 MiB is refused, and one just below is delivered whole', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q');
    const withBody = (sizeBytes: number) =>
      enqueue(world, parent, undefined, {
        httpRequest: { url: world.target.url(), body: Buffer.alloc(sizeBytes, 7) },
      });
    for (const sizeBytes of [1024 * 1024, 1024 * 1024 - 50, 5_000_000]) {
      await expect(withBody(sizeBytes)).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        details: 'Task size too large',
      });
    }
    await withBody(1024 * 1024 - 1000);
    const { body } = await world.target.arrivals.at(0);
    expect(body.equals(Buffer.alloc(1024 * 1024 - 1000, 7))).toBe(true);
  });

  it('App Engine targets, OAuth tokens, and ID tokens without a signer return UNIMPLEMENTED', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q');
    const tasks: NewTask[] = [
      { appEngineHttpRequest: { relativeUri: '/' } },
      request({ oauthToken: { serviceAccountEmail: 'a@b.c' } }),
      request({ oidcToken: { serviceAccountEmail: 'a@b.c' } }),
    ];
    for (const task of tasks) {
      await expect(world.client.createTask({ parent, task })).rejects.toMatchObject({
        code: Code.UNIMPLEMENTED,
      });
    }
  });

  it('scheduled tasks wait and are dispatched in the order of their times', async () => {
    const world = await openWorld();
    const { target, clock } = world;
    const parent = await makeQueue(world, 'q', { rateLimits: { maxConcurrentDispatches: 1 } });
    const start = clock.now();
    for (const [id, ms] of [
      ['third', 3000],
      ['first', 1000],
      ['second', 2000],
    ] as const) {
      await enqueue(world, parent, id, { scheduleTime: secondsFrom(start + ms) });
    }
    world.advance(999);
    expect(await dispatched(world)).toBe(0);
    world.advance(1);
    expect((await target.arrivals.at(0)).task).toBe('first');
    world.advance(10_000);
    expect((await target.arrivals.at(1)).task).toBe('second');
    expect((await target.arrivals.at(2)).task).toBe('third');
  });

  it('RunTask dispatches at once: before its time, in a paused queue, beyond the rate', async () => {
    const world = await openWorld();
    const { client, target, attempts, clock } = world;
    const parent = await makeQueue(world, 'q', {
      rateLimits: { maxDispatchesPerSecond: 0.001, maxConcurrentDispatches: 1 },
    });
    await client.pauseQueue({ name: parent });
    const names: string[] = [];
    for (let i = 0; i < 12; i++) {
      const scheduleTime = secondsFrom(clock.now() + HOUR_MS);
      names.push(await enqueue(world, parent, `t${i}`, { scheduleTime }));
    }
    target.reply = () => 'hang';
    const [task] = await client.runTask({ name: names[0] ?? '' });
    expect(task.dispatchCount).toBe(1);
    expect(millisecondsOf(task.lastAttempt?.dispatchTime)).toBe(clock.now());
    expect(task.lastAttempt?.responseTime).toBeNull();
    // The task is in progress and may be run again.
    await client.runTask({ name: names[0] ?? '' });
    target.reply = () => 200;
    for (const name of names.slice(1)) await client.runTask({ name });
    await target.arrivals.atLeast(13);
    await attempts.atLeast(11);
    const [left] = await client.listTasks({ parent });
    expect(left.map(({ name }) => name)).toEqual([names[0]]);
  });

  it('a failed RunTask schedules the task one back-off after the call', async () => {
    const world = await openWorld();
    const { client, target, attempts, clock } = world;
    const parent = await makeQueue(world, 'q', { retryConfig: { minBackoff: { seconds: 40 } } });
    await client.pauseQueue({ name: parent });
    const name = await enqueue(world, parent, 't');
    const calledAt = clock.now();
    target.reply = () => {
      clock.advance(5000);
      return 500;
    };
    await client.runTask({ name });
    expect(await attempts.at(0)).toMatchObject({ end: 'retrying', httpStatus: 500 });
    const [task] = await client.getTask({ name });
    expect(millisecondsOf(task.scheduleTime)).toBe(calledAt + 40_000);
  });

  it('a task is deleted after 31 days', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q');
    const name = await enqueue(world, parent, 'old', {
      scheduleTime: secondsFrom(world.clock.now() + 30 * 24 * HOUR_MS),
    });
    world.advance(31 * 24 * HOUR_MS + 1);
    expect(await dispatched(world)).toBe(0);
    await expect(world.client.getTask({ name })).rejects.toMatchObject({ code: Code.NOT_FOUND });
  });
});
