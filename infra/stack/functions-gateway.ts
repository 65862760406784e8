/**
 * The process of the eight functions. Each runs on the functions framework's own server; all share one loopback port.
 *
 * `/_functions/{name}/…` reaches the function `name`. The prefix is removed, as if the function had its own host. Every
 * other path reaches `api`. `stack.ts` starts this process and passes the port and the functions' environment.
 */
import http from 'node:http';
import '../../functions/index.ts';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { KEEP_ALIVE_MS } from '../../functions/keep-alive.ts';
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
    response.writeHead(404).end(`No function is named '${name}'. Functions: ${FUNCTION_NAMES.join(', ')}.`);
    return;
  }
  const rest = (request.url ?? '').slice(prefix.length);
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  if (name === 'api') keepRequestRaw(request);
  server.emit('request', request, response);
});
// No timeout here: the handlers of long polls and streams have their own.
front.requestTimeout = 0;
front.keepAliveTimeout = KEEP_ALIVE_MS;

const drain = drainable(front);
process.once('SIGTERM', () => {
  void drain().then(() => process.exit(0));
});

front.listen(Number(process.env['PORT']), LOOPBACK, () => reportReady());
