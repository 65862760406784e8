/**
 * Eventarc for Cloud Storage events. Each event is delivered at least once to every matching trigger, as the HTTP POST
 * that a function receives. Order is not guaranteed, duplicates can occur, and faults can be injected.
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
  /** URL of the function. Its path identifies the trigger across restarts, because the port may change. */
  readonly url: string;
  /** Audience of the ID token. Default: `url`. */
  readonly audience?: string;
  /** Service account of the ID token. */
  readonly serviceAccountEmail: string;
}

/** Rates are probabilities from 0 to 1. */
interface EventarcFaults {
  /** A second delivery of the same event. Half of the duplicates have another event id, as a publisher's retry has. */
  readonly duplicateRate?: number;
  /** A first attempt that is up to `maxDelayMs` late. */
  readonly delayRate?: number;
  /** Default 1,000. */
  readonly maxDelayMs?: number;
  /** An event that is never delivered. */
  readonly lossRate?: number;
  /** Spreads first attempts over 50 ms, so that events overtake one another. */
  readonly reorder?: boolean;
}

export interface EventarcOptions {
  /** Folder of the journal of undelivered events. Without it they do not survive a restart. */
  readonly stateDir?: string;
  readonly triggers: readonly EventarcTrigger[];
  /** Returns the bearer token. Without it requests have no authorization header. */
  readonly signIdToken?: (email: string, audience: string) => string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** At least 0, less than 1. */
  readonly random?: () => number;
  readonly faults?: EventarcFaults;
  /** Default: the values of the real service, 10 s to 600 s for 24 h. */
  readonly retry?: RetryPolicy;
  /** Time that a receiver has to respond. Default 10 minutes. */
  readonly timeoutMs?: number;
  /** Called with every error that the receiver did not cause. Default: writes a line to standard error. */
  readonly onBug?: (error: unknown) => void;
}

export interface Eventarc {
  /** The event is durable when this returns. It is delivered later. */
  readonly publish: (event: ObjectEvent) => void;
  /** Resolves when every published event has been delivered or dropped. */
  readonly idle: () => Promise<void>;
  /** Aborts attempts in progress. The next start on the same folder delivers the rest. */
  readonly stop: () => Promise<void>;
}

const SERVICE_RETRY: RetryPolicy = {
  minBackoffMs: 10_000,
  maxBackoffMs: 600_000,
  retentionMs: 24 * 3600 * 1000,
};

const TIMEOUT_MS = 10 * 60 * 1000;

/** Limit on concurrent attempts, so that a burst of events does not open thousands of sockets. */
const MAX_CONCURRENT = 100;

const REORDER_WINDOW_MS = 50;

export function startEventarc(options: EventarcOptions): Eventarc {
  const { faults = {}, signIdToken } = options;
  const now = options.now ?? Date.now;
  const random = options.random ?? Math.random;
  const onBug = options.onBug ?? ((error) => process.stderr.write(`eventarc: ${String(error)}\n`));
  const triggers = new Map(options.triggers.map((trigger) => [nameOf(trigger), trigger]));
  const stopping = new AbortController();
  // Every attempt in progress adds a listener.
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
  // Undelivered events of a trigger that no longer exists are dropped.
  deliveries.resume(({ trigger }) => triggers.has(trigger));

  /** Decimal, like the Pub/Sub message ids that Eventarc forwards. */
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
