/** The simulated providers: Vertex writes into Clapper's bucket; files of the Developer API are downloaded. */

import type { Catalogue } from '../../functions/core/catalogue/catalogue.ts';
import type { OperationRef } from '../../functions/core/job/attempt-record.ts';
import type { ProviderSignal } from '../../functions/core/job/errors.ts';
import type { Stage } from '../../functions/core/job/stages.ts';
import type {
  DownloadAnswer,
  PaidCall,
  PaidSubmission,
  PollAnswer,
  SubmitAnswer,
  VideoProvider,
} from '../../functions/ports.ts';
import { type Bucket, OUTPUT_BUCKET } from './buckets.ts';
import type { Engine, Invocation } from './engine.ts';
import { SimulatedFault } from './faults.ts';
import { FileBody, IMAGE } from './files.ts';
import type { Ledger, PaidEntry } from './ledger.ts';
import { Operations } from './operations.ts';
import type { Random } from './random.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const OUTPUT_URI = new RegExp(`^gs://${OUTPUT_BUCKET}/(jobs/([^/]+)/([^/]+)/)$`);
/** The paid call is rare among all calls and matters most, so its faults are more likely. */
const PAID_CALL_WEIGHT = 4;

const http = (status: number, retryAfterMs?: number): ProviderSignal => ({
  kind: 'http',
  status,
  message: `simulated ${status}`,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});
const TIMEOUT: ProviderSignal = { kind: 'timeout', message: 'simulated time-out' };
const REFUSED_CONNECTION: ProviderSignal = { kind: 'network', sent: false, message: 'simulated refusal' };

/** Answers that prove that no operation was started. */
const REJECTIONS = [400, 401, 403, 404, 405, 409, 412, 413, 415, 429, 429, 429, 429] as const;
/** Answers that do not prove whether an operation was started. */
const UNKNOWN_OUTCOMES: readonly [ProviderSignal, ...ProviderSignal[]] = [
  http(408),
  http(499),
  http(500),
  http(502),
  http(503),
  http(504),
  TIMEOUT,
  TIMEOUT,
  { kind: 'network', sent: true, message: 'simulated reset' },
  { kind: 'unreadable', message: 'simulated answer without a name' },
  { kind: 'rpc', code: 13, message: 'simulated internal error' },
];
const POLL_FAILURES: readonly [ProviderSignal, ...ProviderSignal[]] = [
  http(404),
  http(401),
  http(403),
  http(429, 30 * SECOND),
  http(500),
  http(503),
  TIMEOUT,
  REFUSED_CONNECTION,
  { kind: 'network', sent: true, message: 'simulated reset' },
  { kind: 'unreadable', message: 'simulated HTML' },
];

type Recorded = (jobId: string, attemptId: string) => boolean;

export class Models {
  readonly operations: Operations;
  readonly #engine: Engine;
  readonly #outcomes: Random;
  readonly #ledger: Ledger;
  readonly #output: Bucket;
  readonly #catalogue: Catalogue;
  readonly #recorded: Recorded;
  readonly #callers = new Map<string, Invocation>();

  /** @param recorded whether the job's record contains the attempt */
  constructor(
    engine: Engine,
    outcomes: Random,
    ledger: Ledger,
    output: Bucket,
    catalogue: Catalogue,
    recorded: Recorded,
  ) {
    this.#engine = engine;
    this.#outcomes = outcomes;
    this.#ledger = ledger;
    this.#output = output;
    this.#catalogue = catalogue;
    this.#recorded = recorded;
    this.operations = new Operations(engine, outcomes, output);
  }

  portOf(invocation: Invocation, delivers: VideoProvider['delivers']): VideoProvider {
    return new ProviderPort(this, this.#engine, invocation, delivers);
  }

  /** Like `portOf`, for a provider that can cancel operations. */
  cancellablePortOf(invocation: Invocation): VideoProvider {
    return new CancellableProviderPort(this, this.#engine, invocation, 'download');
  }

  /** Remembers the only invocation that can make the attempt's call. */
  prepared(attemptId: string, invocation: Invocation): void {
    this.#callers.set(attemptId, invocation);
  }

  /** What the provider's own records show: whether the attempt was charged, or may still be. */
  truthOf(attemptId: string): 'uncharged' | 'charged' | 'open' {
    const entry = this.#ledger.entries.get(attemptId);
    if (entry && entry.charged > 0) return 'charged';
    const caller = this.#callers.get(attemptId);
    const calling = !entry && caller?.process.alive === true && caller.process.invocations.has(caller);
    if (calling || entry?.pending || (entry?.begun && !entry.ended)) return 'open';
    return 'uncharged';
  }

  operationOf(attemptId: string): OperationRef | undefined {
    return this.operations.find(attemptId);
  }

  download(sourceUri: string): DownloadAnswer {
    const { faults, timing, now } = this.#engine;
    const failures = [http(500), http(503), http(429), TIMEOUT] as const;
    if (faults.happens('model')) return { kind: 'failed', signal: timing.pick(failures) };
    const file = this.operations.files.get(sourceUri);
    if (!file || file.expiresAt <= now) return { kind: 'failed', signal: http(404) };
    return { kind: 'body', body: new FileBody(file.content), contentType: 'video/mp4' };
  }

  paidCall(invocation: Invocation, call: PaidCall): Promise<SubmitAnswer> {
    const engine = this.#engine;
    return engine.call(
      invocation,
      'PAID CALL',
      () => {
        if (engine.faults.happens('model', 0.3)) return { kind: 'failed', signal: REFUSED_CONNECTION };
        const { entry, prefix } = this.#arrived(call);
        if (engine.faults.happens('model')) return this.#reject();
        if (engine.faults.happens('model', PAID_CALL_WEIGHT / 2))
          return this.#answerUnknown(entry, call, prefix);
        engine.delayAnswer(engine.timing.int(200, 5 * SECOND));
        return this.#begin(entry, call, prefix);
      },
      PAID_CALL_WEIGHT,
    );
  }

  /** Records a request that has reached the model. */
  #arrived({ stage, outputUri }: PaidCall): { entry: PaidEntry; prefix: string } {
    const [, prefix = '', jobId = '', attemptId = ''] = OUTPUT_URI.exec(outputUri) ?? [];
    const { provider, kind } = stage;
    const pricePerPieceUsd = this.#pricePerPieceUsd(stage);
    const entry = this.#ledger.called({ jobId, attemptId, provider, kind, pricePerPieceUsd });
    if (entry.calls > 1)
      this.#engine.violate('I1 one paid call per attempt', `${attemptId} was called twice`);
    if (!this.#recorded(jobId, attemptId))
      this.#engine.violate('I1 committed before the call', `${jobId} does not record attempt ${attemptId}`);
    return { entry, prefix };
  }

  #reject(): SubmitAnswer {
    const { timing } = this.#engine;
    const status = timing.pick(REJECTIONS);
    const retryAfterMs = timing.pick([undefined, SECOND, 30 * SECOND, 10 * MINUTE] as const);
    return { kind: 'failed', signal: http(status, status === 429 ? retryAfterMs : undefined) };
  }

  /** The answer is lost or proves nothing. In 60 % of these cases the model starts the operation. */
  #answerUnknown(entry: PaidEntry, call: PaidCall, prefix: string): SubmitAnswer {
    const { timing } = this.#engine;
    const signal = timing.pick(UNKNOWN_OUTCOMES);
    if (timing.chance(0.6)) {
      // A request may wait at the provider for longer than the caller's time-out.
      const late = timing.chance(0.1) ? call.timeoutMs + timing.int(0, 20 * SECOND) : 0;
      entry.pending = true;
      this.#engine.after(late, () => this.#begin(entry, call, prefix));
    }
    this.#engine.delayAnswer(signal.kind === 'timeout' ? call.timeoutMs : timing.int(100, 20 * SECOND));
    return { kind: 'failed', signal };
  }

  #begin(entry: PaidEntry, { stage, location }: PaidCall, prefix: string): SubmitAnswer {
    entry.pending = false;
    if (stage.kind === 'extend' && !stage.video)
      this.#engine.violate('an extension has its video', `${entry.attemptId} extends nothing`);
    if (stage.kind === 'image') return this.#makeImage(entry, stage, prefix);
    return { kind: 'accepted', operation: this.operations.begin(entry, stage, prefix, location) };
  }

  #makeImage(entry: PaidEntry, { model }: Stage, prefix: string): SubmitAnswer {
    const drawn = this.#outcomes.unit();
    if (drawn < 0.08) return { kind: 'withheld', side: 'output', reasons: ['Support codes: 29310472'] };
    entry.begun = true;
    entry.ended = true;
    entry.charged = 1;
    if (!model.startsWith('imagen')) return { kind: 'image', bytes: IMAGE, mimeType: 'image/png' };
    const name = `${prefix}sample_0.png`;
    entry.objects = 1;
    entry.firstObjectAt = this.#engine.now;
    this.#output.put(name, IMAGE, 'image/png');
    return { kind: 'stored', uri: `gs://${OUTPUT_BUCKET}/${name}` };
  }

  #pricePerPieceUsd(stage: Stage): number {
    const spec = this.#catalogue.models.find(
      ({ provider, model }) => provider === stage.provider && model === stage.model,
    );
    if (stage.kind === 'image') return spec?.kind === 'image' ? spec.pricePerImageUsd : 0;
    const { resolution, generateAudio } = stage.settings;
    const price = spec?.kind === 'video' ? spec.pricePerSecondUsd[resolution] : undefined;
    return ((generateAudio ? price?.withAudio : price?.silent) ?? 0) * stage.durationSeconds;
  }
}

class ProviderPort implements VideoProvider {
  readonly delivers: VideoProvider['delivers'];
  protected readonly models: Models;
  protected readonly engine: Engine;
  protected readonly invocation: Invocation;

  constructor(models: Models, engine: Engine, invocation: Invocation, delivers: VideoProvider['delivers']) {
    this.delivers = delivers;
    this.models = models;
    this.engine = engine;
    this.invocation = invocation;
  }

  prepare(call: PaidCall): Promise<PaidSubmission> {
    const { faults, timing } = this.engine;
    return this.engine.call(this.invocation, 'prepare', () => {
      if (faults.happens('model', 0.5)) throw new SimulatedFault('no access token');
      // Fetching a token and reading inputs takes long enough for other invocations to overtake.
      this.engine.delayAnswer(timing.int(0, 500));
      this.models.prepared(call.attemptId, this.invocation);
      return () => this.models.paidCall(this.invocation, call);
    });
  }

  poll({ name }: OperationRef): Promise<PollAnswer> {
    const { faults, timing } = this.engine;
    return this.engine.call(this.invocation, 'poll', () => {
      if (faults.happens('model')) return { kind: 'failed', signal: timing.pick(POLL_FAILURES) };
      return this.models.operations.poll(name);
    });
  }

  download(sourceUri: string): Promise<DownloadAnswer> {
    return this.engine.call(this.invocation, 'download', () => this.models.download(sourceUri));
  }
}

class CancellableProviderPort extends ProviderPort {
  cancel({ name }: OperationRef): Promise<void> {
    return this.engine.call(this.invocation, 'cancelOperation', () => {
      this.models.operations.triedToCancel(name);
      if (this.engine.faults.happens('model')) throw new SimulatedFault('simulated refusal to cancel');
      this.models.operations.cancel(name);
    });
  }
}
