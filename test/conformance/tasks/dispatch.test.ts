import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  idTokenClaims,
  LOCAL_ISSUER,
  type LocalIdentity,
  loadIdentity,
} from '../../../infra/shared/identity.ts';
import {
  type Arrival,
  Code,
  dispatched,
  enqueue,
  makeQueue,
  millisecondsOf,
  openWorld,
  type Reply,
  secondsFrom,
} from './support.ts';

const MINUTE_MS = 60_000;

/** Returns these statuses in order, then 200. */
const inTurn = (replies: readonly Reply[]): ((arrival: Arrival) => Reply) => {
  const left = [...replies];
  return () => left.shift() ?? 200;
};

describe('dispatch', () => {
  it('sends method, path, body and headers as created, and adds the documented headers', async () => {
    const world = await openWorld();
    const { target, clock } = world;
    const parent = await makeQueue(world, 'my-queue');
    const at = clock.now() + 1500.5;
    await enqueue(world, parent, 'my-task', {
      scheduleTime: secondsFrom(at),
      httpRequest: {
        url: target.url('/a/b?c=d'),
        httpMethod: 'PATCH',
        headers: {
          'Content-Type': 'application/json',
          'X-Own': 'kept',
          Authorization: 'Basic kept',
          'User-Agent': 'replaced',
          Host: 'elsewhere',
          'x-cloudtasks-queuename': 'forged',
          'X-Google-Anything': 'dropped',
          'X-AppEngine-Anything': 'dropped',
        },
        body: Buffer.from('{"a":1}'),
      },
    });
    world.advance(2000);
    const arrival = await target.arrivals.at(0);
    expect(arrival).toMatchObject({ method: 'PATCH', path: '/a/b?c=d' });
    expect(arrival.body.toString()).toBe('{"a":1}');
    expect(arrival.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': '7',
      'x-own': 'kept',
      authorization: 'Basic kept',
      'user-agent': 'Google-Cloud-Tasks',
      host: new URL(target.url()).host,
      'x-cloudtasks-queuename': 'my-queue',
      'x-cloudtasks-taskname': 'my-task',
      'x-cloudtasks-taskretrycount': '0',
      'x-cloudtasks-taskexecutioncount': '0',
      'x-cloudtasks-tasketa': (at / 1000).toFixed(6),
    });
    expect(
      Object.keys(arrival.headers).filter((name) => /google|appengine|previous|reason/.test(name)),
    ).toEqual([]);
    expect(arrival.rawHeaders).toContain('X-CloudTasks-QueueName');
  });

  it('supports every HTTP method and adds no content type', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q', { rateLimits: { maxConcurrentDispatches: 1 } });
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const;
    for (const httpMethod of methods) {
      await enqueue(world, parent, undefined, { httpRequest: { url: world.target.url(), httpMethod } });
    }
    const arrivals = await world.target.arrivals.atLeast(methods.length);
    expect(arrivals.map(({ method }) => method)).toEqual(methods);
    expect(arrivals.filter(({ headers }) => headers['content-type'] !== undefined)).toEqual([]);
    await world.attempts.atLeast(methods.length);
    expect(world.attempts.all.every(({ end }) => end === 'succeeded')).toBe(true);
  });

  it('treats every response other than 2xx as a failure and reports it in the same headers as the service', async () => {
    const world = await openWorld();
    const { client, target, attempts } = world;
    const parent = await makeQueue(world, 'q');
    target.reply = inTurn([
      503,
      404,
      429,
      500,
      { status: 302, headers: { location: target.url('/moved') } },
      299,
    ]);
    const name = await enqueue(world, parent, 't');
    for (let i = 0; i < 5; i++) {
      expect((await attempts.at(i)).end).toBe('retrying');
      world.advance(MINUTE_MS);
    }
    expect((await attempts.at(5)).end).toBe('succeeded');
    const told = target.arrivals.all.map(({ headers, path: where }) => [
      where,
      headers['x-cloudtasks-taskretrycount'],
      headers['x-cloudtasks-taskexecutioncount'],
      headers['x-cloudtasks-taskpreviousresponse'],
      headers['x-cloudtasks-taskretryreason'],
    ]);
    // Recorded from the real service: 5xx responses do not count as executions, and the reason is empty.
    expect(told).toEqual([
      ['/', '0', '0', undefined, undefined],
      ['/', '1', '0', '503', ''],
      ['/', '2', '1', '404', ''],
      ['/', '3', '2', '429', ''],
      ['/', '4', '2', '500', ''],
      ['/', '5', '3', '302', ''],
    ]);
    await expect(client.getTask({ name })).rejects.toMatchObject({ code: Code.NOT_FOUND });
  });

  it('shows the attempts and the next schedule time of a task after a failure', async () => {
    const world = await openWorld();
    const { client, target, attempts, clock } = world;
    const parent = await makeQueue(world, 'q', { retryConfig: { minBackoff: { seconds: 10 } } });
    const createdAt = clock.now();
    target.reply = () => {
      clock.advance(700);
      return 502;
    };
    const name = await enqueue(world, parent, 't');
    await attempts.at(0);
    const [once] = await client.getTask({ name });
    expect(once).toMatchObject({
      dispatchCount: 1,
      responseCount: 1,
      lastAttempt: { responseStatus: { code: 13, message: 'INTERNAL(13): HTTP status code 502' } },
    });
    expect(millisecondsOf(once.firstAttempt?.dispatchTime)).toBe(createdAt);
    expect(once.firstAttempt?.responseTime).toBeNull();
    expect(millisecondsOf(once.lastAttempt?.responseTime)).toBe(createdAt + 700);
    expect(millisecondsOf(once.scheduleTime)).toBe(createdAt + 10_700);
    world.advance(10_000);
    await attempts.at(1);
    const [twice] = await client.getTask({ name });
    expect(twice).toMatchObject({ dispatchCount: 2, responseCount: 2 });
    expect(millisecondsOf(twice.firstAttempt?.dispatchTime)).toBe(createdAt);
    expect(millisecondsOf(twice.lastAttempt?.scheduleTime)).toBe(createdAt + 10_700);
    expect(millisecondsOf(twice.scheduleTime)).toBe(clock.now() + 20_000);
  });

  it('follows the documented back-off example: 10, 20, 40, 80, 160, 240, 300, 300 s', async () => {
    const world = await openWorld();
    const { client, target, attempts, clock } = world;
    const parent = await makeQueue(world, 'q', {
      retryConfig: {
        minBackoff: { seconds: 10 },
        maxBackoff: { seconds: 300 },
        maxDoublings: 3,
        maxAttempts: -1,
      },
    });
    target.reply = () => 500;
    const name = await enqueue(world, parent, 't');
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      await attempts.at(i);
      const [task] = await client.getTask({ name });
      const waitMs = millisecondsOf(task.scheduleTime) - clock.now();
      waits.push(waitMs / 1000);
      world.advance(waitMs);
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 240, 300, 300]);
  });

  it('deletes a task after its last attempt', async () => {
    const world = await openWorld();
    const { client, target, attempts } = world;
    const parent = await makeQueue(world, 'q', { retryConfig: { maxAttempts: 3 } });
    target.reply = () => 500;
    const name = await enqueue(world, parent, 't');
    for (let i = 0; i < 3; i++) {
      await attempts.at(i);
      world.advance(MINUTE_MS);
    }
    expect(attempts.all.map(({ end }) => end)).toEqual(['retrying', 'retrying', 'exhausted']);
    await expect(client.getTask({ name })).rejects.toMatchObject({ code: Code.NOT_FOUND });
    expect(await dispatched(world)).toBe(3);
  });

  it('requires both limits when a retry duration is set, and only the duration when attempts is -1', async () => {
    const world = await openWorld();
    const { target, attempts } = world;
    const tenSeconds = { minBackoff: { seconds: 10 }, maxBackoff: { seconds: 10 } };
    const both = await makeQueue(world, 'both', {
      retryConfig: { ...tenSeconds, maxAttempts: 2, maxRetryDuration: { seconds: 35 } },
    });
    const unlimited = await makeQueue(world, 'unlimited', {
      retryConfig: { ...tenSeconds, maxAttempts: -1, maxRetryDuration: { seconds: 15 } },
    });
    target.reply = () => 500;
    await enqueue(world, both, 'both');
    await enqueue(world, unlimited, 'unlimited');
    let seen = 2;
    await attempts.atLeast(seen);
    for (const more of [2, 2, 1, 1]) {
      world.advance(10_000);
      seen += more;
      await attempts.atLeast(seen);
    }
    const endsOf = (id: string) =>
      attempts.all.filter(({ task }) => task.endsWith(`/${id}`)).map(({ end }) => end);
    expect(endsOf('both')).toEqual(['retrying', 'retrying', 'retrying', 'retrying', 'exhausted']);
    expect(endsOf('unlimited')).toEqual(['retrying', 'retrying', 'exhausted']);
  });

  it('aborts a call at its deadline and treats it as a failure', async () => {
    const world = await openWorld();
    const { client, target, attempts } = world;
    const parent = await makeQueue(world, 'q');
    target.reply = inTurn(['hang']);
    const name = await enqueue(world, parent, 't', { dispatchDeadline: { seconds: 15 } });
    const arrival = await target.arrivals.at(0);
    world.advance(14_999);
    expect(await dispatched(world)).toBe(1);
    expect(attempts.all).toEqual([]);
    world.advance(1);
    await arrival.closedByCaller;
    const attempt = await attempts.at(0);
    expect(attempt).toMatchObject({ end: 'retrying', reason: 'The dispatch deadline was exceeded' });
    expect(attempt.httpStatus).toBeUndefined();
    const [task] = await client.getTask({ name });
    expect(task).toMatchObject({
      dispatchCount: 1,
      responseCount: 0,
      lastAttempt: { responseTime: null, responseStatus: { code: Code.DEADLINE_EXCEEDED } },
    });
    world.advance(MINUTE_MS);
    const { headers } = await target.arrivals.at(1);
    expect(headers).toMatchObject({
      'x-cloudtasks-taskpreviousresponse': '504',
      'x-cloudtasks-taskexecutioncount': '0',
    });
  });

  it('retries after a refused or reset connection', async () => {
    const world = await openWorld();
    const { client, target, attempts } = world;
    const parent = await makeQueue(world, 'q');
    target.reply = inTurn(['reset']);
    await enqueue(world, parent, 'reset');
    expect(await attempts.at(0)).toMatchObject({ end: 'retrying', reason: 'ECONNRESET' });
    world.advance(MINUTE_MS);
    expect(await attempts.at(1)).toMatchObject({ end: 'succeeded', attempt: 2 });
    const name = await enqueue(world, parent, 'refused', { httpRequest: { url: 'http://127.0.0.1:1/' } });
    expect(await attempts.at(2)).toMatchObject({ end: 'retrying', reason: 'ECONNREFUSED' });
    const [task] = await client.getTask({ name });
    expect(task).toMatchObject({
      responseCount: 0,
      lastAttempt: { responseStatus: { code: Code.UNAVAILABLE } },
    });
  });

  it('honours Retry-After, in seconds or as a date, when it is longer than the back-off', async () => {
    const world = await openWorld();
    const { client, target, attempts, clock } = world;
    const parent = await makeQueue(world, 'q', {
      retryConfig: { minBackoff: { seconds: 5 }, maxBackoff: { seconds: 5 } },
    });
    const name = await enqueue(world, parent, 't', { scheduleTime: secondsFrom(clock.now() + 1) });
    const inHalfAMinute = new Date(clock.now() + 230_001).toUTCString();
    target.reply = inTurn(
      ['120', inHalfAMinute, '1', 'soon', '9'.repeat(400)].map((value) => ({
        status: 503,
        headers: { 'retry-after': value },
      })),
    );
    const waits: number[] = [];
    world.advance(1);
    for (let i = 0; i < 5; i++) {
      await attempts.at(i);
      const [task] = await client.getTask({ name });
      const waitMs = millisecondsOf(task.scheduleTime) - clock.now();
      waits.push(Math.round(waitMs / 1000));
      world.advance(waitMs);
    }
    expect(waits).toEqual([120, 110, 5, 5, 24 * 3600]);
  });

  it('ignores the outcome of a task that was deleted during its call', async () => {
    const world = await openWorld();
    const { client, target, attempts } = world;
    const parent = await makeQueue(world, 'q');
    let release = (_: number): void => {};
    target.reply = () => new Promise<number>((resolve) => (release = resolve));
    const name = await enqueue(world, parent, 't');
    await target.arrivals.at(0);
    await client.deleteTask({ name });
    release(500);
    expect((await attempts.at(0)).end).toBe('superseded');
    world.advance(MINUTE_MS);
    expect(await dispatched(world)).toBe(1);
  });

  it('is not blocked by a hanging target, in other queues or below the concurrency limit of its own', async () => {
    const world = await openWorld();
    const { target } = world;
    const dead = await makeQueue(world, 'dead', { rateLimits: { maxConcurrentDispatches: 21 } });
    const alive = await makeQueue(world, 'alive');
    target.reply = ({ path: where }) => (where === '/dead' ? 'hang' : 200);
    for (let i = 0; i < 20; i++) {
      await enqueue(world, dead, undefined, { httpRequest: { url: target.url('/dead') } });
    }
    await target.arrivals.atLeast(20);
    await enqueue(world, dead, 'same-queue');
    await enqueue(world, alive, 'other-queue');
    await world.attempts.atLeast(2);
    expect(world.attempts.all.map(({ end }) => end)).toEqual(['succeeded', 'succeeded']);
  });

  it('reuses connections', async () => {
    const world = await openWorld();
    const parent = await makeQueue(world, 'q', { rateLimits: { maxConcurrentDispatches: 1 } });
    for (let i = 0; i < 20; i++) await enqueue(world, parent);
    const arrivals = await world.target.arrivals.atLeast(20);
    expect(arrivals.every(({ headers }) => headers.connection === 'keep-alive')).toBe(true);
  });

  it('reports a listener that throws and continues', async () => {
    const bugs: unknown[] = [];
    const world = await openWorld({
      onBug: (bug) => bugs.push(bug),
      onAttempt: () => {
        throw new Error('listener');
      },
    });
    const parent = await makeQueue(world, 'q', { rateLimits: { maxConcurrentDispatches: 1 } });
    for (let i = 0; i < 3; i++) await enqueue(world, parent);
    await world.target.arrivals.atLeast(3);
    expect(bugs[0]).toMatchObject({ message: 'listener' });
  });
});

describe('ID tokens', () => {
  const identityOf = (): LocalIdentity => {
    const folder = mkdtempSync(path.join(tmpdir(), 'clapper-tasks-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    return loadIdentity(folder);
  };
  const account = 'caller@clapper-test.iam.gserviceaccount.com';

  it('carry account and audience, with a signature that verifies against the published keys', async () => {
    const identity = identityOf();
    const world = await openWorld({
      signIdToken: (email, audience) => identity.signJwt(idTokenClaims(email, audience, Date.now())),
    });
    const parent = await makeQueue(world, 'q');
    const url = world.target.url('/function?x=1');
    await enqueue(world, parent, 'own-audience', {
      httpRequest: {
        url,
        headers: { authorization: 'Bearer of-the-task' },
        oidcToken: { serviceAccountEmail: account, audience: 'https://function.test' },
      },
    });
    const keys = createLocalJWKSet({ keys: identity.jwks.keys.map((key) => ({ kty: 'RSA', ...key })) });
    const bearerOf = ({ headers }: Arrival): string => (headers.authorization ?? '').replace(/^Bearer /, '');
    const own = await jwtVerify(bearerOf(await world.target.arrivals.at(0)), keys, {
      issuer: LOCAL_ISSUER,
      audience: 'https://function.test',
    });
    expect(own.payload).toMatchObject({ email: account, email_verified: true });

    await enqueue(world, parent, 'default-audience', {
      httpRequest: { url, oidcToken: { serviceAccountEmail: account } },
    });
    const byDefault = bearerOf(await world.target.arrivals.at(1));
    await expect(jwtVerify(byDefault, keys, { audience: url })).resolves.toMatchObject({
      payload: { aud: url, email: account },
    });
    // Another key does not verify it.
    const stranger = createLocalJWKSet({
      keys: identityOf().jwks.keys.map((key) => ({ kty: 'RSA', ...key })),
    });
    await expect(jwtVerify(byDefault, stranger)).rejects.toThrow();
  });

  it('and calls use the current URL of the target when it changed after the task was created', async () => {
    const identity = identityOf();
    const world = await openWorld({
      signIdToken: (email, audience) => identity.signJwt(idTokenClaims(email, audience, Date.now())),
      resolveUrl: (url) => url.replace('http://gone.test', world.target.url('')),
    });
    const parent = await makeQueue(world, 'q');
    await enqueue(world, parent, 'moved', {
      httpRequest: { url: 'http://gone.test/function', oidcToken: { serviceAccountEmail: account } },
    });
    const { path, headers } = await world.target.arrivals.at(0);
    expect(path).toBe('/function');
    expect(decodeJwt(headers.authorization?.slice(7) ?? '').aud).toBe(world.target.url('/function'));
  });

  it('are renewed long before they expire', async () => {
    const identity = identityOf();
    let signed = 0;
    const world = await openWorld({
      signIdToken: (email, audience) => {
        signed += 1;
        return identity.signJwt(idTokenClaims(email, audience, signed * 1000));
      },
    });
    const parent = await makeQueue(world, 'q');
    const send = () =>
      enqueue(world, parent, undefined, {
        httpRequest: { url: world.target.url(), oidcToken: { serviceAccountEmail: account } },
      });
    const issuedAt = async (index: number) =>
      decodeJwt((await world.target.arrivals.at(index)).headers.authorization?.slice(7) ?? '').iat;
    await send();
    await send();
    expect([await issuedAt(0), await issuedAt(1)]).toEqual([1, 1]);
    world.advance(10 * MINUTE_MS);
    await send();
    expect(await issuedAt(2)).toBe(2);
  });

  it('fail the attempt and report the error when they cannot be signed', async () => {
    let broken = true;
    const world = await openWorld({
      signIdToken: () => {
        if (broken) throw new Error('no key');
        return 'token';
      },
    });
    const parent = await makeQueue(world, 'q');
    await enqueue(world, parent, 't', {
      httpRequest: { url: world.target.url(), oidcToken: { serviceAccountEmail: account } },
    });
    expect(await world.attempts.at(0)).toMatchObject({
      end: 'retrying',
      reason: 'The ID token could not be signed',
    });
    expect(world.bugs).toMatchObject([{ message: 'no key' }]);
    broken = false;
    world.advance(MINUTE_MS);
    expect((await world.target.arrivals.at(0)).headers.authorization).toBe('Bearer token');
  });
});
