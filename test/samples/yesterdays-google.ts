/**
 * The simulated models as of the documents: in front of today's, with every model that has gone since served by its
 * successor. Without it the simulated models answer 404 to half the samples, as Google does.
 */
import { createServer, type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import type { RunningServer } from '../../infra/shared/running-server.ts';

const DEVELOPER = '/v1beta/models/';
const SUCCESSORS: readonly (readonly [RegExp, developer: string, vertex: string])[] = [
  [/(?<=\/models\/)veo-[23]\.0-generate-\w+/, 'veo-3.1-generate-preview', 'veo-3.1-generate-001'],
  [/(?<=\/models\/)gemini-2\.[\w.-]+/, 'gemini-3.1-flash-image', 'gemini-3.1-flash-image'],
  [/(?<=\/models\/)imagen-[\w.-]+/, 'imagen-4.0-generate-001', 'imagen-4.0-generate-001'],
];

const modernPath = (path: string): string =>
  SUCCESSORS.reduce(
    (changed, [retired, developer, vertex]) =>
      changed.replace(retired, path.startsWith(DEVELOPER) ? developer : vertex),
    path,
  );

/**
 * `files.download` of the client library finds the file's id in URIs of https only. Of any other it puts the whole URI
 * where the id belongs; this server speaks http.
 */
const plainPath = (path: string): string =>
  path
    .replace(/(?<=\/files\/)http:.*\/files\/(?=[a-z0-9]+:download\?)/, '')
    .replace('alt=media%3Adownload&', '');

const VEO_2_SUBMISSION = /^\/v1beta\/models\/veo-2\.0-[\w-]+:predictLongRunning/;
const submission = z.looseObject({
  parameters: z
    .looseObject({})
    .transform(({ personGeneration: _, ...rest }) => rest)
    .optional(),
});

/** Veo 2 took other values of personGeneration than its successor does on the Developer API. */
const withoutPeople = async (incoming: IncomingMessage): Promise<string> =>
  JSON.stringify(submission.parse(await json(incoming)));

/** Loopback, any port. */
export async function startYesterday(modelsUrl: string): Promise<RunningServer & { readonly url: string }> {
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', headers, url = '/' } = incoming;
    const { 'content-length': _, ...lengthless } = headers;
    const sent = VEO_2_SUBMISSION.test(url) ? lengthless : headers;
    const forwarded = request(
      `${modelsUrl}${plainPath(modernPath(url))}`,
      { method, headers: sent },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    forwarded.once('error', () => outgoing.destroy());
    if (VEO_2_SUBMISSION.test(url)) void withoutPeople(incoming).then((body) => forwarded.end(body));
    else incoming.pipe(forwarded);
  });
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
