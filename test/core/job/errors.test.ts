import { describe, expect, it } from 'vitest';
import {
  classifyOperationError,
  classifyPollFailure,
  classifySubmitFailure,
} from '../../../functions/core/job/errors.ts';

describe('a failed submission', () => {
  it.each([400, 401, 403, 404, 409, 412, 413, 415, 429])(
    'with HTTP %i proves that no operation exists',
    (status) => {
      expect(classifySubmitFailure({ kind: 'http', status, message: 'no' })).toMatchObject({
        outcome: 'rejected',
        error: { charged: 'no' },
      });
    },
  );

  it.each([302, 408, 418, 499, 500, 502, 503, 504, 599])('with HTTP %i has an unknown outcome', (status) => {
    expect(classifySubmitFailure({ kind: 'http', status, message: 'no' }).outcome).toBe('unknown');
  });

  it('does not count as an attempt if nothing was sent, and has an unknown outcome if something was', () => {
    expect(classifySubmitFailure({ kind: 'network', sent: false, message: '' })).toMatchObject({
      retry: 'quota',
    });
    expect(classifySubmitFailure({ kind: 'network', sent: true, message: '' }).outcome).toBe('unknown');
  });

  it('with support codes is a safety filter error with categories', () => {
    const message = 'The prompt could not be submitted. Support codes: 15236754, 57734940';
    expect(classifySubmitFailure({ kind: 'http', status: 400, message })).toMatchObject({
      error: { code: 'SAFETY_FILTERED', categories: ['celebrity', 'hate'], retryable: false },
    });
  });
});

describe('the error for a new project without service agents', () => {
  const message =
    'Service agents are being provisioned (https://cloud.google.com/vertex-ai/docs/general/access-control). ' +
    'Service agents are needed to read the Cloud Storage file provided. So please try again in a few minutes.';

  it('is retried like a quota refusal, for a refused call and for a failed operation', () => {
    const error = { code: 'SERVICE_AGENTS_NOT_READY', retryable: true, charged: 'no' };
    expect(classifySubmitFailure({ kind: 'http', status: 400, message })).toMatchObject({
      ...{ outcome: 'rejected', retry: 'quota', retryAfterMs: 60_000, error },
    });
    expect(classifyOperationError(9, message)).toMatchObject(error);
  });

  it('differs from any other HTTP 400 and any other FAILED_PRECONDITION', () => {
    expect(classifySubmitFailure({ kind: 'http', status: 400, message: 'no' })).toMatchObject({
      retry: 'never',
    });
    expect(classifyOperationError(9, 'no')).toMatchObject({ code: 'FAILED_PRECONDITION', retryable: false });
  });
});

describe('an operation error', () => {
  it.each([
    [3, 'INVALID_ARGUMENT', false],
    [8, 'RESOURCE_EXHAUSTED', true],
    [13, 'PROVIDER_INTERNAL', true],
    [14, 'PROVIDER_UNAVAILABLE', true],
    [99, 'PROVIDER_ERROR_99', false],
  ])('with code %i becomes %s', (code, name, retryable) => {
    expect(classifyOperationError(code, 'text')).toMatchObject({ code: name, retryable });
  });
});

describe('a failed poll', () => {
  it('means that the operation was not found only if the status is 404', () => {
    expect(classifyPollFailure({ kind: 'http', status: 404, message: '' })).toBe('notFound');
    for (const status of [401, 403, 429, 500, 503]) {
      expect(classifyPollFailure({ kind: 'http', status, message: '' })).toBe('retry');
    }
    expect(classifyPollFailure({ kind: 'timeout', message: '' })).toBe('retry');
  });
});
