/** What the suites of the simulated Omni models share: the two unmodified clients, and raw calls. */
import { createRequire } from 'node:module';
import { GoogleGenAI, type GoogleGenAIOptions } from '@google/genai';
import { type Answer, get, KEY, PROJECT, post, type Rig, TOKEN } from './harness.ts';

export const OMNI = 'gemini-omni-1.2-flash';

export const HOSTS = ['developer', 'vertex'] as const;
export type Host = (typeof HOSTS)[number];

type AuthClient = NonNullable<NonNullable<GoogleGenAIOptions['googleAuthOptions']>['authClient']>;

/** The SDK's own copy of google-auth-library: its auth clients come from no other version. */
const authLibrary = createRequire(createRequire(import.meta.url).resolve('@google/genai'))(
  'google-auth-library',
) as { readonly OAuth2Client: new () => AuthClient };

/** The unmodified client of either backend, on the simulated server. */
export function omniClient(host: Host, url: string): GoogleGenAI {
  if (host === 'developer') {
    return new GoogleGenAI({ enterprise: false, apiKey: KEY, httpOptions: { baseUrl: url } });
  }
  const authClient = new authLibrary.OAuth2Client();
  authClient.setCredentials({ access_token: TOKEN, expiry_date: Date.now() + 3_600_000 });
  return new GoogleGenAI({
    enterprise: true,
    project: PROJECT,
    location: 'global',
    googleAuthOptions: { authClient },
    httpOptions: { baseUrl: url },
  });
}

/** Where the interactions of a host are. */
export const collection = (host: Host, url: string): string =>
  host === 'developer'
    ? `${url}/v1/interactions`
    : `${url}/v1beta1/projects/${PROJECT}/locations/global/interactions`;

export const credentials = (host: Host): Record<string, string> =>
  host === 'developer' ? { 'x-goog-api-key': KEY } : { authorization: `Bearer ${TOKEN}` };

export const create = (rig: Rig, host: Host, body: unknown): Promise<Answer> =>
  post(collection(host, rig.models.url), body, credentials(host));

export const read = (rig: Rig, host: Host, id: string): Promise<Answer> =>
  get(`${collection(host, rig.models.url)}/${id}?stream=false`, credentials(host));

export const cancel = (rig: Rig, host: Host, id: string): Promise<Answer> =>
  post(`${collection(host, rig.models.url)}/${id}/cancel`, '', credentials(host));

/** Where a background video of this host goes by URI. */
export const delivery = (host: Host) =>
  host === 'developer'
    ? { delivery: 'uri' as const }
    : { delivery: 'uri' as const, gcs_uri: 'gs://out/omni/' };

/** A request for a video of 3 s, by URI and in the background. */
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
  const content = rig.bucket.objects.get(video.uri.replace('gs://', ''));
  if (content === undefined) throw new Error(`no object at ${video.uri}`);
  return content;
}
