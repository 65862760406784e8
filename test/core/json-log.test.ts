import { describe, expect, it } from 'vitest';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import { traceOf } from '../../functions/handlers/http/trace.ts';

describe('the log', () => {
  it('writes one line of JSON with the special fields of Cloud Logging', () => {
    const lines: string[] = [];
    const log = createJsonLog(
      'p',
      (line) => lines.push(line),
      () => Date.UTC(2026, 10, 21),
    );
    log('INFO', 'job job_1: queued → submitting', {
      job: 'job_1',
      trace: '0af7651916cd43dd8448eb211c80319c',
    });
    log('ERROR', 'two\nlines');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        severity: 'INFO',
        time: '2026-11-21T00:00:00.000Z',
        message: 'job job_1: queued → submitting',
        job: 'job_1',
        'logging.googleapis.com/trace': 'projects/p/traces/0af7651916cd43dd8448eb211c80319c',
      },
      { severity: 'ERROR', time: '2026-11-21T00:00:00.000Z', message: 'two\nlines' },
    ]);
    expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
  });

  it('reads the trace from traceparent, and ignores a malformed header', () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    expect(traceOf(new Headers({ traceparent: `00-${trace}-b7ad6b7169203331-01` }))).toBe(trace);
    expect(traceOf(new Headers({ traceparent: 'x' }))).toBeUndefined();
    expect(traceOf(new Headers())).toBeUndefined();
  });
});
