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

const API_LINKS = `
  <dt><a href="/api/docs">/api/docs</a></dt><dd>the HTTP API, to read and to try</dd>
  <dt><a href="/api/openapi.json">/api/openapi.json</a></dt><dd>the same for programs</dd>`;

function indexPage({ version, api }: HttpOptions): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postern</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dfe3e9; --link: #0b57b8; --paper: #fff; --code: #f2f4f7 }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e4e8ee; --soft: #98a3b3; --line: #2c3440; --link: #7db4ff; --paper: #12161c; --code: #1b2129 }
  }
  body { font: 16px/1.6 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 38rem; margin: 0 auto; padding: clamp(1.5rem, 8vw, 4rem) 1.25rem }
  h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 } small { font-size: 1rem; font-weight: normal; color: var(--soft) }
  p { margin: .4rem 0 1rem } a { color: var(--link) }
  dl { display: grid; grid-template-columns: max-content 1fr; margin: 1.5rem 0 2rem; border-top: 1px solid var(--line) }
  dt, dd { margin: 0; padding: .5rem 0; border-bottom: 1px solid var(--line) } dt { padding-right: 1.5rem }
  pre { font-size: .875rem; margin: 0; padding: .75rem 1rem; background: var(--code); border-radius: 6px; white-space: pre-wrap }
  @media (max-width: 30rem) {
    dl { grid-template-columns: 1fr } dt { padding-bottom: 0; border: 0 } dd { padding-top: 0; color: var(--soft) }
  }
</style>
<h1>Postern <small>${version}</small></h1>
<p>An SMTP relay and bounce-processing gateway.</p>
<dl>
  <dt><a href="/readyz">/readyz</a></dt><dd>whether it takes mail</dd>
  <dt><a href="/healthz">/healthz</a></dt><dd>whether it is alive</dd>
  <dt><a href="/metrics">/metrics</a></dt><dd>figures for Prometheus</dd>${api ? API_LINKS : ''}
</dl>
<p>What happened to a message:</p>
<pre><code>npx postern message find --to someone@example.com</code></pre>
</html>
`;
}
