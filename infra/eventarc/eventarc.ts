/**
 * Eventarc for Cloud Storage events: each event is delivered to every trigger that matches it, at least once, as an
 * HTTP POST like the one that reaches a function. Order is not kept, duplicates happen, and faults can be injected.
 */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import http from 'node:http';
import type { ObjectEvent } from '../storage/resources.ts';
import { cloudEventMessage, eventTypeOf, type StorageEventType } from './cloud-event.ts';
import { Deliveries, type Delivery, type RetryPolicy } from './deliveries.ts';
import { post } from './post.ts';

interface EventarcTrigger {
  readonly bucket: string;
  readonly eventType: StorageEventType;
  /** Where the function listens. Its path identifies the trigger across restarts; the port may change. */
  readonly url: string;
  /** Of the ID token. Default: `url`. */
  readonly audience?: string;
  /** Whose ID token the request carries. */
  readonly serviceAccountEmail: string;
}

/** Rates are probabilities from 0 to 1. */
interface EventarcFaults {
  /** A second delivery of the same event, half of the time under another event id, as publishers' retries make them. */
  readonly duplicateRate?: number;
  /** A first attempt that comes up to `maxDelayMs` late. */
  readonly delayRate?: number;
  /** Default 1,000. */
  readonly maxDelayMs?: number;
  /** An event that is never delivered. */
  readonly lossRate?: number;
  /** Spreads first attempts over a short while, so that events overtake one another. */
  readonly reorder?: boolean;
}

export interface EventarcOptions {
  /** Where undelivered events survive. Without it they do not. */
  readonly stateDir?: string;
  readonly triggers: readonly EventarcTrigger[];
  /** Makes the bearer token. Without it requests are not authorized. */
  readonly signIdToken?: (email: string, audience: string) => string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** From 0 to 1, 1 excluded. */
  readonly random?: () => number;
  readonly faults?: EventarcFaults;
  /** Default: the service's 10 s to 600 s for 24 h. */
  readonly retry?: RetryPolicy;
  /** How long a receiver may take to answer. Default 10 minutes. */
  readonly timeoutMs?: number;
  /** Told of every failure that is not the receiver's. Default: a line on standard error. */
  readonly onBug?: (error: unknown) => void;
}

export interface Eventarc {
  /** The event is durable when this returns; it is delivered later. */
  readonly publish: (event: ObjectEvent) => void;
  /** Resolves once every published event was delivered or given up. */
  readonly idle: () => Promise<void>;
  /** Ends attempts under way. What is undelivered is delivered by the next start on the same folder. */
  readonly stop: () => Promise<void>;
}

const SERVICE_RETRY: RetryPolicy = {
  minBackoffMs: 10_000,
  maxBackoffMs: 600_000,
  retentionMs: 24 * 3600 * 1000,
};

const TIMEOUT_MS = 10 * 60 * 1000;

/** Attempts under way at once, so that a burst of events does not open thousands of sockets. */
const MAX_CONCURRENT = 100;

const REORDER_WINDOW_MS = 50;

export function startEventarc(options: EventarcOptions): Eventarc {
  const { faults = {}, signIdToken } = options;
  const now = options.now ?? Date.now;
  const random = options.random ?? Math.random;
  const onBug = options.onBug ?? ((error) => process.stderr.write(`eventarc: ${String(error)}\n`));
  const triggers = new Map(options.triggers.map((trigger) => [nameOf(trigger), trigger]));
  const stopping = new AbortController();
  // Every attempt under way listens.
  setMaxListeners(MAX_CONCURRENT, stopping.signal);
  const agent = new http.Agent({ keepAlive: true });

  const attempt = async ({ trigger: name, message }: Delivery): Promise<boolean> => {
    const trigger = triggers.get(name);
    if (trigger === undefined) return true;
    const { url, audience, serviceAccountEmail } = trigger;
    const token = signIdToken?.(serviceAccountEmail, audience ?? url);
    const status = await post({
      url,
      headers: { ...message.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      body: message.body,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      signal: stopping.signal,
      agent,
    });
    return status !== 'unreachable' && status >= 200 && status < 300;
  };

  const deliveries = new Deliveries({
    stateDir: options.stateDir,
    now,
    retry: options.retry ?? SERVICE_RETRY,
    maxConcurrent: MAX_CONCURRENT,
    attempt,
    onBug,
  });
  // A deleted trigger takes its undelivered events with it.
  deliveries.resume(({ trigger }) => triggers.has(trigger));

  /** Decimal, like the ids of Pub/Sub messages that Eventarc passes on. */
  const eventId = (): string => String(Math.floor((1 + random() * 8) * 1e15));
  const happens = (rate: number | undefined): boolean => rate !== undefined && random() < rate;
  const delayMs = (): number =>
    (happens(faults.delayRate) ? random() * (faults.maxDelayMs ?? 1000) : 0) +
    (faults.reorder === true ? random() * REORDER_WINDOW_MS : 0);

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping.abort();
    await deliveries.stop();
    agent.destroy();
  };

  return {
    publish: (event) => {
      const type = eventTypeOf(event);
      for (const [name, trigger] of triggers) {
        if (trigger.bucket !== event.object.bucket || trigger.eventType !== type) continue;
        if (happens(faults.lossRate)) continue;
        const send = (id: string): void => {
          const message = cloudEventMessage(event, id, now());
          deliveries.add({ key: randomUUID(), trigger: name, message, publishedAtMs: now() }, delayMs());
        };
        const id = eventId();
        send(id);
        if (happens(faults.duplicateRate)) send(happens(0.5) ? id : eventId());
      }
    },
    idle: () => deliveries.idle(),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

const nameOf = ({ bucket, eventType, url }: EventarcTrigger): string =>
  `${bucket} ${eventType} ${new URL(url).pathname}`;
