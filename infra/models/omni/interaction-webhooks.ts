/**
 * Webhooks asked for by one request (`webhook_config`): a thin event with the headers of Standard Webhooks and, as
 * signature, an RS256 JWT whose key is published at `/.well-known/jwks.json`.
 */
import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { jsonReply } from '../http/reply.ts';
import type { Route } from '../http/router.ts';
import type { Operation } from '../operation/operations.ts';
import type { InteractionEndings } from './interaction-endings.ts';
import {
  type InteractionOperation,
  isInteraction,
  type ResourceContext,
  stateOf,
  videoUri,
} from './interaction-resource.ts';

export interface WebhookOptions extends ResourceContext {
  readonly endings: InteractionEndings;
  readonly onBug: (error: unknown) => void;
}

const ISSUER = 'https://generativelanguage.googleapis.com';
const KEY_ID = 'simulated-1';
const TOKEN_SECONDS = 300;
/** The service repeats for 24 hours; these waits are real time, whatever the clock of the models says. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 60_000;
const GIVE_UP_MS = 24 * 3_600_000;
const ANSWER_MS = 10_000;

export class InteractionWebhooks {
  readonly #options: WebhookOptions;
  readonly #stop = new AbortController();
  readonly #posting = new Set<Promise<unknown>>();
  /** Made when it is first needed: most runs have no webhooks. */
  #keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** Takes charge of an operation's webhooks, if it has any that were not called yet. */
  start(operation: Operation): void {
    if (!isInteraction(operation) || operation.interaction.webhook === null) return;
    if (this.#options.context.store.markedAtMs(operation, 'notified') !== undefined) return;
    this.#notify(operation, operation.interaction.webhook.uris).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.onBug(error);
    });
  }

  /** Resolves when no call is under way; one that failed waits for its repetition, which is none. */
  async settled(): Promise<void> {
    while (this.#posting.size > 0) {
      await Promise.allSettled(this.#posting);
      // One turn of the loop lets what was heard be noted down.
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
    const { endings, context } = this.#options;
    await endings.whenEnded(operation);
    const event = this.#eventOf(operation);
    if (event === undefined) return;
    const body = JSON.stringify(event);
    await Promise.all(uris.map((uri, index) => this.#deliver(uri, `${operation.id}-${index}`, body)));
    // Only now: at least once means that a restart may call them again.
    context.store.mark(operation, 'notified', context.now());
  }

  /** Nobody is told of a cancellation, nor of what got lost. */
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
      const isHeard = await posting;
      this.#posting.delete(posting);
      if (isHeard) return;
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
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(ANSWER_MS)]);
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
