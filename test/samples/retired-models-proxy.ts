/**
 * A proxy in front of the simulated models that serves each retired model with its successor. Without it, half of the
 * samples would receive 404, as they do from Google today.
 */
import { createServer, request } from 'node:http';
import { z } from 'zod';
import type { RunningServer } from '../../infra/shared/running-server.ts';
import { wholeRequests } from '../support/whole-requests.ts';

const DEVELOPER = '/v1beta/models/';
const SUCCESSORS: readonly (readonly [RegExp, developer: string, vertex: string])[] = [
  [/(?<=\/models\/)veo-[23]\.0-generate-\w+/, 'veo-3.1-generate-preview', 'veo-3.1-generate-001'],
  [/(?<=\/models\/)gemini-2\.[\w.-]+/, 'gemini-3.1-flash-image', 'gemini-3.1-flash-image'],
  [/(?<=\/models\/)imagen-[\w.-]+/, 'imagen-4.0-generate-001', 'imagen-4.0-generate-001'],
];

const successorPath = (path: string): string =>
  SUCCESSORS.reduce(
    (changed, [retired, developer, vertex]) =>
      changed.replace(retired, path.startsWith(DEVELOPER) ? developer : vertex),
    path,
  );

const veo2Schema = z.looseObject({
  parameters: z.looseObject({ personGeneration: z.string().optional() }).optional(),
});
const VEO_2 = /^\/v1beta\/models\/veo-2\.0-[\w-]+:predictLongRunning/;

/** Veo 2 supported several values. Its successor supports one in each mode, which is also the default. */
function withoutPersonGeneration(body: Buffer): Buffer {
  const { parameters = {}, ...rest } = veo2Schema.parse(JSON.parse(body.toString()));
  const { personGeneration: _, ...others } = parameters;
  return Buffer.from(JSON.stringify({ ...rest, parameters: others }));
}

/**
 * `files.download` of the client library extracts the file id from https URIs only. It uses any other URI as the id. This
 * server uses http, so the proxy restores the id.
 */
const restoreFileId = (path: string): string =>
  path
    .replace(/(?<=\/files\/)http:.*\/files\/(?=[a-z0-9]+:download\?)/, '')
    .replace('alt=media%3Adownload&', '');

/** Listens on loopback, on a free port. */
export async function startRetiredModelsProxy(
  modelsUrl: string,
): Promise<RunningServer & { readonly url: string }> {
  const server = createServer(
    wholeRequests((incoming, body, outgoing) => {
      const { method = 'GET', headers, url = '/' } = incoming;
      const forwardedBody = VEO_2.test(url) ? withoutPersonGeneration(body) : body;
      const options = { method, headers: { ...headers, 'content-length': forwardedBody.length } };
      const forwarded = request(`${modelsUrl}${restoreFileId(successorPath(url))}`, options, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      forwarded.once('error', () => outgoing.destroy());
      forwarded.end(forwardedBody);
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
