/** The routes of API keys: operators create them for callers without a Google identity, and revoke them. */
import type { Hono } from 'hono';
import { z } from 'zod';
import { type ApiKey, callerNameSchema, formatKey } from '../../core/access/api-key.ts';
import { defined } from '../../core/defined.ts';
import { notFound } from '../../core/problem.ts';
import type { Services } from '../../ports.ts';
import { operatorOf } from '../http/caller-scope.ts';
import { rfc3339 } from '../http/job-view.ts';
import { readJson } from '../http/json-body.ts';
import { parseAs } from '../http/parse-as.ts';

const newKeySchema = z.strictObject({
  caller: callerNameSchema,
  note: z.string().max(200, 'has to be at most 200 characters').optional(),
});

const KEY_WORDS = {
  what: 'an API key',
  example: '{"caller": "shop"}',
  examples: { caller: 'shop', note: 'the web shop' },
};

export function addKeyRoutes(app: Hono, { keys, ...services }: Services): void {
  if (!keys) return;

  app.post('/v1/keys', async (c) => {
    const createdBy = await operatorOf(services, c.req.raw.headers);
    const { caller, note } = parseAs(newKeySchema, await readJson(c.req.raw), KEY_WORDS);
    const { key, secret } = await keys.create({ caller, note, createdBy, createdAt: services.clock.now() });
    services.log('NOTICE', `API key ${key.keyId} of ${caller} created by ${createdBy}`, {
      key: key.keyId,
      caller,
    });
    // The only response that contains the key itself.
    c.header('cache-control', 'no-store');
    return c.json({ ...viewOf(key), key: formatKey({ keyId: key.keyId, secret }) }, 201);
  });

  app.get('/v1/keys', async (c) => {
    await operatorOf(services, c.req.raw.headers);
    return c.json({ keys: (await keys.list()).map(viewOf) });
  });

  app.delete('/v1/keys/:keyId', async (c) => {
    const by = await operatorOf(services, c.req.raw.headers);
    const keyId = c.req.param('keyId');
    const revoked = await keys.revoke(keyId, by, services.clock.now());
    if (!revoked) throw notFound(`API key ${keyId} does not exist; GET /v1/keys lists all keys.`);
    services.log('NOTICE', `API key ${keyId} of ${revoked.caller} revoked by ${by}`, { key: keyId });
    return c.json(viewOf(revoked));
  });
}

/** Omits the hash, which would allow offline guessing of the secret. */
const viewOf = ({ keyId, caller, note, createdAt, createdBy, revoked }: ApiKey) => ({
  id: keyId,
  caller,
  ...defined({ note }),
  createdAt: rfc3339(createdAt),
  createdBy,
  ...(revoked ? { revokedAt: rfc3339(revoked.at), revokedBy: revoked.by } : {}),
});
