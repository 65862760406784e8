import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deliveryUriOf,
  fileIdOf,
  jobIdOfOperation,
  jobIdOfOutput,
  operationNameOf,
  parseVertexOperation,
  videoOfFile,
  videoOfFileUri,
} from '../../../functions/core/compat/names.ts';
import { makeRequest } from '../../support/requests.ts';

const jobId = fc.stringMatching(/^[a-z2-7]{26}$/).map((id) => `job_${id}`);
const index = fc.integer({ min: 0, max: 99 });
const compat = (surface: 'developer' | 'vertex') => ({
  ...{ surface, model: 'veo-3.1-generate-001', changes: [] },
  ...(surface === 'vertex' ? { parent: 'projects/my-proj/locations/us-central1' } : {}),
});

describe('names on the surfaces of Google', () => {
  it('of a file are found in any URI, also with the pattern of the SDK', () => {
    fc.assert(
      fc.property(jobId, index, fc.constantFrom('v1', 'v1beta'), (id, n, version) => {
        const uri = `https://h.test/${version}/files/${fileIdOf({ jobId: id, index: n })}:download?alt=media`;
        expect(videoOfFileUri(uri)).toEqual({ jobId: id, index: n });
        // The pattern in `tFileName` of @google/genai.
        const [, sdk] = /files\/([a-z0-9]+)/.exec(uri) ?? [];
        expect(videoOfFile(sdk ?? '')).toEqual({ jobId: id, index: n });
      }),
    );
  });

  it('of an operation identify the job, on both surfaces', () => {
    fc.assert(
      fc.property(jobId, (id) => {
        const developer = operationNameOf({
          jobId: id,
          request: makeRequest({ compat: compat('developer') }),
        });
        expect(jobIdOfOperation(developer?.split('/').at(-1) ?? '')).toBe(id);
        const vertex = operationNameOf({ jobId: id, request: makeRequest({ compat: compat('vertex') }) });
        expect(parseVertexOperation(vertex ?? '')).toMatchObject({ model: 'veo-3.1-generate-001' });
        expect(jobIdOfOperation(parseVertexOperation(vertex ?? '')?.id ?? '')).toBe(id);
      }),
    );
  });

  it('of outputs and of delivered copies identify the job', () => {
    fc.assert(
      fc.property(jobId, index, (id, n) => {
        expect(jobIdOfOutput(`gs://out/jobs/${id}/att_x/1/sample_${n}.mp4`, 'out')).toBe(id);
        expect(jobIdOfOutput(`gs://other/jobs/${id}/att_x/1/sample_${n}.mp4`, 'out')).toBeUndefined();
        expect(jobIdOfOutput(deliveryUriOf('gs://b/out/', id, n), 'out')).toBe(id);
      }),
    );
  });

  it.each([
    '',
    'abc123',
    'abcdefghijklmnopqrstuvwxyz',
    'abcdefghijklmnopqrstuvwxyz00',
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ0',
  ])('%j is not the id of a file', (id) => expect(videoOfFile(id)).toBeUndefined());

  it('do not include an operation for a job of Clapper’s own API', () => {
    expect(operationNameOf({ jobId: 'job_x', request: makeRequest() })).toBeUndefined();
  });
});
