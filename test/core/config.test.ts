import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../functions/config.ts';

const COMPLETE = {
  GOOGLE_CLOUD_PROJECT: 'p',
  CLAPPER_INPUT_BUCKET: 'in',
  CLAPPER_OUTPUT_BUCKET: 'out',
  CLAPPER_SUBMIT_URL: 'https://submit.test',
  CLAPPER_POLL_URL: 'https://poll.test',
  CLAPPER_BATCH_URL: 'https://batch.test',
  CLAPPER_TASKS_SERVICE_ACCOUNT: 'tasks@p.iam.gserviceaccount.com',
};

describe('the configuration', () => {
  it('needs seven variables and has safe defaults for the others', () => {
    expect(parseConfig(COMPLETE)).toMatchObject({
      CLAPPER_CALLERS: 'id-token',
      CLAPPER_TOKEN_SIGNATURE: 'verify',
      CLAPPER_UNKNOWN_OUTCOME: 'fail',
      CLAPPER_LOG_PROMPTS: false,
      CLAPPER_ALLOW_RETIRED_MODELS: false,
      CLAPPER_MODEL_SPEED_UP: 1,
      CLAPPER_READABLE_PREFIXES: [],
      CLAPPER_ALLOWED_PUBSUB_TOPICS: [],
      CLAPPER_VERTEX_PICTURES: 'uri',
    });
  });

  it('accepts topics only by their full Pub/Sub names', () => {
    const of = (text: string) => parseConfig({ ...COMPLETE, CLAPPER_ALLOWED_PUBSUB_TOPICS: text });
    expect(of('projects/p/topics/a, projects/p/topics/b').CLAPPER_ALLOWED_PUBSUB_TOPICS).toHaveLength(2);
    expect(() => of('a')).toThrow(
      'CLAPPER_ALLOWED_PUBSUB_TOPICS: is "a"; it must be projects/PROJECT/topics/TOPIC',
    );
  });

  it('accepts delivery prefixes as gs:// URIs, and replaces retired models by default', () => {
    const of = (over: Record<string, string>) => parseConfig({ ...COMPLETE, ...over });
    expect(of({})).toMatchObject({ CLAPPER_DELIVERY_PREFIXES: [], CLAPPER_COMPAT_ALIASES: true });
    expect(of({ CLAPPER_COMPAT_ALIASES: 'false' }).CLAPPER_COMPAT_ALIASES).toBe(false);
    expect(of({ CLAPPER_DELIVERY_PREFIXES: 'gs://a/x/, gs://b' }).CLAPPER_DELIVERY_PREFIXES).toHaveLength(2);
    expect(() => of({ CLAPPER_DELIVERY_PREFIXES: 'a/x' })).toThrow(
      'CLAPPER_DELIVERY_PREFIXES: is "a/x"; it must be gs://',
    );
  });

  it('accepts upload rules, schedules and an events topic, and names the faulty field', () => {
    const of = (more: Record<string, string>) => parseConfig({ ...COMPLETE, ...more });
    expect(of({})).toMatchObject({ CLAPPER_UPLOADS: [], CLAPPER_SCHEDULES: {} });
    expect(of({}).CLAPPER_EVENTS_TOPIC).toBeUndefined();
    expect(of({ CLAPPER_UPLOADS: '[{"prefix":"in/"}]' }).CLAPPER_UPLOADS).toMatchObject([
      { prefix: 'in/', sidecar: 'optional', lane: 'batch' },
    ]);
    expect(() => of({ CLAPPER_UPLOADS: '[{"prefixes":"in/"}]' })).toThrow(/CLAPPER_UPLOADS[\s\S]*prefixes/);
    expect(() => of({ CLAPPER_SCHEDULES: '{"nightly":{"cron":"daily"}}' })).toThrow('must have five fields');
    const never = { nightly: { cron: '0 0 31 4,6 *', manifest: 'gs://b/{dd}.csv' } };
    expect(() => of({ CLAPPER_SCHEDULES: JSON.stringify(never) })).toThrow(
      /CLAPPER_SCHEDULES.*nightly\.cron.*"0 0 31 4,6 \*", which is never due/,
    );
    expect(() => of({ CLAPPER_EVENTS_TOPIC: 'events' })).toThrow('must be projects/PROJECT/topics/TOPIC');
  });

  it('accepts the time of a copy of the database and a later time at which it was restored', () => {
    const of = (text: string) => parseConfig({ ...COMPLETE, CLAPPER_RESTORED: text }).CLAPPER_RESTORED;
    expect(parseConfig(COMPLETE).CLAPPER_RESTORED).toBeUndefined();
    expect(of('2026-11-30T10:00:00Z/2026-11-30T12:30:00+01:00')).toEqual({
      copiedAt: Date.UTC(2026, 10, 30, 10),
      resumedAt: Date.UTC(2026, 10, 30, 11, 30),
    });
    for (const wrong of ['', '2026-11-30T10:00:00Z', 'a/b', '2026-11-30T12:00:00Z/2026-11-30T10:00:00Z'])
      expect(() => of(wrong), wrong).toThrow('CLAPPER_RESTORED');
  });

  it('reports all missing and invalid variables at once', () => {
    const { CLAPPER_POLL_URL: _, ...rest } = COMPLETE;
    const wrong = { ...rest, CLAPPER_CALLERS: 'anybody', CLAPPER_SIGNED_URL_TTL_SECONDS: '0' };
    expect(() => parseConfig(wrong)).toThrow(
      /CLAPPER_POLL_URL[\s\S]*CLAPPER_CALLERS[\s\S]*CLAPPER_SIGNED_URL_TTL_SECONDS/,
    );
  });
});
