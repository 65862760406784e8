/** Shared by the suites of the simulated Omni models: the unmodified SDK of both hosts, and raw calls. */
import type { GoogleGenAI } from '@google/genai';
import {
  type Answer,
  API_KEY,
  BEARER,
  developerClient,
  get,
  objectAt,
  PROJECT,
  post,
  type Rig,
  sdkClient,
} from './harness.ts';

export const OMNI = 'gemini-omni-1.2-flash';

export const HOSTS = ['developer', 'vertex'] as const;
export type Host = (typeof HOSTS)[number];

/** The unmodified SDK of the host. */
export const omniClient = (host: Host, url: string): GoogleGenAI =>
  host === 'developer' ? developerClient(url) : sdkClient(url, 'global');

/** The URL of the interactions of a host. */
export const collection = (host: Host, url: string): string =>
  host === 'developer'
    ? `${url}/v1/interactions`
    : `${url}/v1beta1/projects/${PROJECT}/locations/global/interactions`;

export const credentials = (host: Host): Record<string, string> => (host === 'developer' ? API_KEY : BEARER);

export const create = (rig: Rig, host: Host, body: unknown): Promise<Answer> =>
  post(collection(host, rig.models.url), body, credentials(host));

export const read = (rig: Rig, host: Host, id: string): Promise<Answer> =>
  get(`${collection(host, rig.models.url)}/${id}?stream=false`, credentials(host));

export const cancel = (rig: Rig, host: Host, id: string): Promise<Answer> =>
  post(`${collection(host, rig.models.url)}/${id}/cancel`, '', credentials(host));

/** Delivery by URI on this host. */
export const delivery = (host: Host) =>
  host === 'developer'
    ? { delivery: 'uri' as const }
    : { delivery: 'uri' as const, gcs_uri: 'gs://out/omni/' };

/** A background request for a video of 3 s, delivered by URI. */
export const omniBody = (
  host: Host,
  input: unknown,
  format: Record<string, unknown> = {},
  rest: Record<string, unknown> = {},
) => ({
  model: OMNI,
  input,
  background: true,
  response_format: { type: 'video', duration: '3s', ...delivery(host), ...format },
  ...rest,
});

/** The finished video of an interaction. */
export async function videoOf(rig: Rig, host: Host, id: string): Promise<Buffer> {
  const { json } = await read(rig, host, id);
  const video = json.steps?.[0].content[0];
  if (video?.data !== undefined) return Buffer.from(video.data, 'base64');
  if (host === 'developer') {
    const response = await fetch(video.uri, { headers: credentials(host) });
    return Buffer.from(await response.arrayBuffer());
  }
  return objectAt(rig.bucket, video.uri);
}
