import { describe, expect, it } from 'vitest';
import {
  classifyOperationError,
  classifyPollFailure,
  classifySubmitFailure,
} from '../../../functions/core/job/errors.ts';

describe('a failed submission', () => {
  it.each([400, 401, 403, 404, 409, 412, 413, 415, 429])(
    'with HTTP %i proves that nothing was accepted',
    (status) => {
      expect(classifySubmitFailure({ kind: 'http', status, message: 'no' })).toMatchObject({
        outcome: 'rejected',
        error: { charged: 'no' },
      });
    },
  );

  it.each([302, 408, 418, 499, 500, 502, 503, 504, 599])('with HTTP %i proves nothing', (status) => {
    expect(classifySubmitFailure({ kind: 'http', status, message: 'no' }).outcome).toBe('unknown');
  });

  it('for want of a connection is no attempt, after sending it is unknown', () => {
    expect(classifySubmitFailure({ kind: 'network', sent: false, message: '' })).toMatchObject({
      retry: 'quota',
    });
    expect(classifySubmitFailure({ kind: 'network', sent: true, message: '' }).outcome).toBe('unknown');
  });

  it('with support codes is a safety decision, with its categories', () => {
    const message = 'The prompt could not be submitted. Support codes: 15236754, 57734940';
    expect(classifySubmitFailure({ kind: 'http', status: 400, message })).toMatchObject({
      error: { code: 'SAFETY_FILTERED', categories: ['celebrity', 'hate'], retryable: false },
    });
  });
});

describe('a new project whose service agents are not there yet', () => {
  const message =
    'Service agents are being provisioned (https://cloud.google.com/vertex-ai/docs/general/access-control). ' +
    'Service agents are needed to read the Cloud Storage file provided. So please try again in a few minutes.';

  it('is waited for as for a quota, whether the call is refused or its operation fails', () => {
    const error = { code: 'SERVICE_AGENTS_NOT_READY', retryable: true, charged: 'no' };
    expect(classifySubmitFailure({ kind: 'http', status: 400, message })).toMatchObject({
      ...{ outcome: 'rejected', retry: 'quota', retryAfterMs: 60_000, error },
    });
    expect(classifyOperationError(9, message)).toMatchObject(error);
  });

  it('is no other 400, and no other precondition', () => {
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
  ])('of code %i is %s', (code, name, retryable) => {
    expect(classifyOperationError(code, 'text')).toMatchObject({ code: name, retryable });
  });
});

describe('a failed poll', () => {
  it('says that the operation is gone only by 404', () => {
    expect(classifyPollFailure({ kind: 'http', status: 404, message: '' })).toBe('gone');
    for (const status of [401, 403, 429, 500, 503]) {
      expect(classifyPollFailure({ kind: 'http', status, message: '' })).toBe('again');
    }
    expect(classifyPollFailure({ kind: 'timeout', message: '' })).toBe('again');
  });
});
