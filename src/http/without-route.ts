// Requests that come to no route, since they are no HTTP, or ask for something that nobody does here. Node answers these by
// itself, in a bare status line or by hanging up; here they get a problem document while the connection can carry one.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { sendProblem } from './app.ts';
import { PROBLEM_TYPE, type ProblemStatus, problemBytes, problemText } from './problem.ts';

/** For the client to read the answer while it still sends: closing at once would reset it away. */
const LINGER_MS = 1_000;

/** Those of node:http and its parser; any other is 400. */
const FAULTS: Readonly<Record<string, readonly [ProblemStatus, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long to come'],
  HPE_HEADER_OVERFLOW: [431, 'the URL and the header fields are larger than 16 KB'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the chunk extensions of the body are too large'],
  HPE_INVALID_VERSION: [505, 'HTTP/1.1 is spoken here'],
};
const UNREADABLE = [400, 'this cannot be read as HTTP'] as const;

/** What `clientErrorHandler` of Fastify is to be, and what the server then listens to. */
export function createWithoutRoute() {
  const latest = new WeakMap<Duplex, ServerResponse>();
  const ended = new WeakSet<Duplex>();

  const end = (socket: Duplex, status: ProblemStatus, detail: string) => {
    if (ended.has(socket) || !socket.writable) return;
    ended.add(socket);
    socket.on('error', () => undefined).end(problemBytes(status, detail));
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };

  const onClientError = (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const [status, detail] = FAULTS[error.code ?? ''] ?? UNREADABLE;
    const before = latest.get(socket);
    if (!before || before.writableFinished) return end(socket, status, detail);
    // Answers come in the order of requests: one that was read as a whole has its own first.
    if (before.req.complete) before.once('finish', () => end(socket, status, detail));
    else if (before.headersSent) socket.destroy();
    else end(socket, status, detail);
  };

  const watch = (server: Server) => {
    server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => void latest.set(socket, response));
    server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
      const text = problemText(417, 'nothing but 100-continue can be expected here');
      response.writeHead(417, { 'content-type': PROBLEM_TYPE, 'content-length': text.length, connection: 'close' });
      response.end(text);
    });
    server.on('connect', (_request: IncomingMessage, socket: Duplex) =>
      end(socket, 501, 'there is no method CONNECT here'),
    );
  };
  return { onClientError, watch };
}

/** For an app whose server is told not to look at Host: that would be another bare status line. */
export function refuseWithoutHost(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw, headers }, reply) => {
    if (raw.httpVersion === '1.1' && headers.host === undefined)
      return sendProblem(reply.header('connection', 'close'), 400, 'the field Host is missing');
  });
}
