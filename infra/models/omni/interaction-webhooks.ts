/**
 * Webhooks of single requests (`webhook_config`): a thin event with the headers of Standard Webhooks. The signature is an
 * RS256 JWT; its key is published at `/.well-known/jwks.json`.
 */
import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { jsonReply } from '../http/reply.ts';
import type { Route } from '../http/router.ts';
import type { Operation } from '../operation/operations.ts';
import {
  type InteractionOperation,
  isInteraction,
  type ResourceContext,
  stateOf,
  videoUri,
} from './interaction-resource.ts';
import type { InteractionWaiter } from './interaction-waiter.ts';

export interface WebhookOptions extends ResourceContext {
  readonly waiter: InteractionWaiter;
  readonly onBug: (error: unknown) => void;
}

const ISSUER = 'https://generativelanguage.googleapis.com';
const KEY_ID = 'simulated-1';
const TOKEN_SECONDS = 300;
/** Like the real service, deliveries are retried for 24 hours. The delays use real time, not the injected clock. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 60_000;
const GIVE_UP_MS = 24 * 3_600_000;
const RESPONSE_TIMEOUT_MS = 10_000;

export class InteractionWebhooks {
  readonly #options: WebhookOptions;
  readonly #stop = new AbortController();
  readonly #posting = new Set<Promise<unknown>>();
  /** Generated on first use: most runs have no webhooks. */
  #keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** Starts the delivery of an operation's webhooks, unless they were already delivered. */
  start(operation: Operation): void {
    if (!isInteraction(operation) || operation.interaction.webhook === null) return;
    if (this.#options.context.store.markedAtMs(operation, 'notified') !== undefined) return;
    this.#notify(operation, operation.interaction.webhook.uris).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.onBug(error);
    });
  }

  /** Resolves when no delivery is in progress. A delivery that waits for its retry does not count. */
  async settled(): Promise<void> {
    while (this.#posting.size > 0) {
      await Promise.allSettled(this.#posting);
      // Wait one iteration of the event loop, so that the result of the delivery is recorded.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  routes(): readonly Route[] {
    return [
      {
        method: 'GET',
        path: /^\/\.well-known\/jwks\.json$/,
        handle: () => {
          const key = this.#keyPair().publicKey.export({ format: 'jwk' });
          return jsonReply({ keys: [{ ...key, kid: KEY_ID, alg: 'RS256', use: 'sig' }] });
        },
      },
    ];
  }

  async #notify(operation: InteractionOperation, uris: readonly string[]): Promise<void> {
    const { waiter, context } = this.#options;
    await waiter.untilEnded(operation);
    const event = this.#eventOf(operation);
    if (event === undefined) return;
    const body = JSON.stringify(event);
    await Promise.all(uris.map((uri, index) => this.#deliver(uri, `${operation.id}-${index}`, body)));
    // Not earlier: delivery is at least once, so a restart before this mark delivers again.
    context.store.mark(operation, 'notified', context.now());
  }

  /** The event, or undefined: cancelled and lost operations send none. */
  #eventOf(operation: InteractionOperation): unknown {
    const { context, url } = this.#options;
    if (operation.outcome.kind === 'lost') return undefined;
    const { status, error } = stateOf(context, operation);
    if (status === 'cancelled') return undefined;
    const { id, webhook } = operation.interaction;
    const uri = videoUri(context, url(), operation);
    return {
      type: status === 'completed' ? 'interaction.completed' : 'interaction.failed',
      version: 'v1',
      timestamp: new Date(context.now()).toISOString(),
      data: {
        id,
        ...(uri !== undefined && { video_uri: uri }),
        ...(error !== undefined && { error_code: error.code, error_message: error.message }),
      },
      ...(webhook?.userMetadata && { user_metadata: webhook.userMetadata }),
    };
  }

  async #deliver(uri: string, webhookId: string, body: string): Promise<void> {
    const giveUpAtMs = Date.now() + GIVE_UP_MS;
    for (let waitMs = FIRST_RETRY_MS; Date.now() < giveUpAtMs; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      this.#stop.signal.throwIfAborted();
      const posting = this.#post(uri, webhookId, body);
      this.#posting.add(posting);
      const isAcknowledged = await posting;
      this.#posting.delete(posting);
      if (isAcknowledged) return;
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    }
  }

  async #post(uri: string, webhookId: string, body: string): Promise<boolean> {
    const seconds = Math.floor(this.#options.context.now() / 1000);
    const headers = {
      'content-type': 'application/json',
      'webhook-id': webhookId,
      'webhook-timestamp': String(seconds),
      'webhook-signature': this.#sign(uri, webhookId, body, seconds),
    };
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(RESPONSE_TIMEOUT_MS)]);
    try {
      const response = await fetch(uri, { method: 'POST', headers, body, signal });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  #sign(audience: string, subject: string, body: string, seconds: number): string {
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      iss: ISSUER,
      aud: audience,
      sub: subject,
      iat: seconds,
      exp: seconds + TOKEN_SECONDS,
      body_sha256: createHash('sha256').update(body).digest('hex'),
    };
    const signed = `${encode({ alg: 'RS256', typ: 'JWT', kid: KEY_ID })}.${encode(claims)}`;
    const signature = createSign('RSA-SHA256').update(signed).sign(this.#keyPair().privateKey, 'base64url');
    return `${signed}.${signature}`;
  }

  #keyPair() {
    this.#keys ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
    return this.#keys;
  }
}
