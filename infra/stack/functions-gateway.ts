/**
 * The process of the eight functions: each on the functions framework's own server, all behind one loopback port.
 *
 * `/_functions/{name}/…` is that function, with the prefix taken off as if it had a host of its own; everything else is
 * the `api`. Run by `stack.ts`, which passes the port and the functions' environment.
 */
import http from 'node:http';
import '../../functions/index.ts';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { keepRequestRaw } from '../../functions/raw-request.ts';
import { LOOPBACK } from '../shared/running-server.ts';
import { reportReady } from './child.ts';
import { drainable } from './drain.ts';
import { FUNCTION_NAMES } from './plan.ts';

const PREFIX = /^\/_functions\/([a-z]+)(?=[/?]|$)/;

const servers = new Map(FUNCTION_NAMES.map((name) => [name as string, getTestServer(name)]));
const api = getTestServer('api');

const front = http.createServer((request, response) => {
  const [prefix, name] = PREFIX.exec(request.url ?? '') ?? [];
  if (prefix === undefined || name === undefined) {
    keepRequestRaw(request);
    api.emit('request', request, response);
    return;
  }
  const server = servers.get(name);
  if (!server) {
    response.writeHead(404).end(`There is no function ${name}.`);
    return;
  }
  const rest = (request.url ?? '').slice(prefix.length);
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  if (name === 'api') keepRequestRaw(request);
  server.emit('request', request, response);
});
// Long polls and streams set their own limits.
front.requestTimeout = 0;

const drain = drainable(front);
process.once('SIGTERM', () => {
  void drain().then(() => process.exit(0));
});

front.listen(Number(process.env['PORT']), LOOPBACK, () => reportReady());
