// The HTTP door: alive, ready, metrics, and a page that says what this is.
import type { FastifyInstance } from 'fastify';
import type { Health } from '../platform/health.ts';
import type { Metrics } from '../platform/metrics.ts';
import { createApp, sendProblem } from './app.ts';
import type { IsProxy } from './proxies.ts';
import type { Routes } from './routes.ts';
import { createWithoutRoute, refuseWithoutHost } from './without-route.ts';

export type HttpOptions = {
  readonly host: string;
  readonly port: number;
  readonly isProxy: IsProxy;
  readonly version: string;
  readonly health: Health;
  readonly metrics: Metrics;
  /** False once we are shutting down. */
  readonly isOpen: () => boolean;
  /** Of `createProviderEvents`. */
  readonly providerEvents?: Routes;
  /** Of `createApi`. */
  readonly api?: Routes;
};

export type HttpServer = { readonly port: number; stop(): Promise<void> };

/** Until a request is there as a whole; Fastify's own default is for ever. */
const REQUEST_TIMEOUT_MS = 30_000;

export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { onClientError, watch } = createWithoutRoute();
  const app = createApp(options.isProxy, {
    ...{ forceCloseConnections: true, requestTimeout: REQUEST_TIMEOUT_MS },
    ...{ http: { requireHostHeader: false }, clientErrorHandler: onClientError },
  });
  watch(app.server);
  refuseWithoutHost(app);
  // No page here reads a body; the rooms that do bring readers of their own.
  app.removeAllContentTypeParsers();
  addNotFound(app);
  addHealth(app, options);
  app.get('/metrics', async (_request, reply) => {
    const { registry } = options.metrics;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  app.get('/', async (_request, reply) => reply.type('text/html').send(indexPage(options)));
  await options.providerEvents?.(app);
  await options.api?.(app);
  await app.listen({ host: options.host, port: options.port });
  const { port } = app.server.address() as { port: number };
  return { port, stop: () => app.close() };
}

function addNotFound(app: FastifyInstance): void {
  app.setNotFoundHandler(({ method, url }, reply) =>
    app.supportedMethods.includes(method)
      ? sendProblem(reply, 404, `no such page: ${url.split('?')[0]}`)
      : sendProblem(reply, 501, `there is no method ${method} here`),
  );
}

function addHealth(app: FastifyInstance, { health, isOpen }: HttpOptions): void {
  app.get('/healthz', async () => ({ status: 'alive' }));
  app.get('/readyz', async (_request, reply) => {
    const reason = isOpen() ? health.trouble : 'shutting-down';
    return reason === null ? { status: 'ready' } : reply.code(503).send({ status: 'not-ready', reason });
  });
}

const API_LINK = `
  <li><a href="/api/docs">/api/docs</a>: the HTTP API, and <a href="/api/openapi.json">what describes it</a></li>`;

function indexPage({ version, api }: HttpOptions): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Postern</title>
<style>
  body { font: 16px/1.6 system-ui, sans-serif; color: #1c2430; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }
  h1 { font-size: 1.6rem; margin-bottom: 0 } p { margin: .4rem 0 1.2rem } code { background: #eef1f5; padding: .1rem .3rem; border-radius: 4px }
  li { margin: .3rem 0 }
</style>
<h1>Postern ${version}</h1>
<p>An SMTP relay and bounce-processing gateway.</p>
<ul>
  <li><a href="/readyz">/readyz</a>: whether it takes mail</li>
  <li><a href="/healthz">/healthz</a>: whether it is alive</li>
  <li><a href="/metrics">/metrics</a>: figures for Prometheus</li>${api ? API_LINK : ''}
</ul>
<p>What happened to a message:</p>
<pre><code>npx postern message find --to someone@example.com</code></pre>
</html>
`;
}
