/** A provider whose answers the test sets. */
import type { OperationRef } from '../../functions/core/job/attempt-record.ts';
import type {
  PaidCall,
  PaidSubmission,
  PollAnswer,
  SubmitAnswer,
  VideoProvider,
} from '../../functions/ports.ts';

/** Returns the answers that the test sets, and records its paid calls. */
export class ScriptedProvider implements VideoProvider {
  readonly delivers: 'bucket' | 'download';
  readonly calls: PaidCall[] = [];
  polls = 0;
  /** If set, `prepare` fails with this message. */
  notReady: string | undefined;
  onSubmit: (call: PaidCall) => SubmitAnswer | Promise<SubmitAnswer>;
  onPoll: (operation: OperationRef) => PollAnswer | Promise<PollAnswer> = () => ({ kind: 'running' });
  onDownload: VideoProvider['download'] = async () => ({
    kind: 'failed',
    signal: { kind: 'http', status: 404, message: 'no such file' },
  });

  constructor(delivers: 'bucket' | 'download' = 'bucket') {
    this.delivers = delivers;
    this.onSubmit = ({ stage, location }) => ({
      kind: 'accepted',
      operation: {
        provider: stage.provider,
        name: `operations/${this.calls.length}`,
        model: stage.model,
        location,
      },
    });
  }

  async prepare(call: PaidCall): Promise<PaidSubmission> {
    if (this.notReady !== undefined) throw new Error(this.notReady);
    return async () => {
      this.calls.push(call);
      return this.onSubmit(call);
    };
  }

  async poll(operation: OperationRef): Promise<PollAnswer> {
    this.polls++;
    return this.onPoll(operation);
  }

  download(sourceUri: string): ReturnType<VideoProvider['download']> {
    return this.onDownload(sourceUri);
  }
}
