// /api/docs: the OpenAPI document as a page to read and to try. All that it loads comes from here, so it works without the
// internet, and its policy lets nothing else run. The program behind it is large: it is not in memory before somebody asks,
// and then packed.
import { createHash, randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';

const SCRIPT_PATH = '/docs/reference.js';

/** What the page is told: to call nobody, and to offer nothing that lives elsewhere. */
const CONFIGURATION = {
  url: '/api/openapi.json',
  ...{ withDefaultFonts: false, telemetry: false, hideClientButton: true, showDeveloperTools: 'never' },
  ...{ agent: { disabled: true }, mcp: { disabled: true }, documentDownloadType: 'json' },
  ...{ theme: 'default', layout: 'modern', defaultOpenAllTags: true },
  authentication: { preferredSecurityScheme: 'token' },
};

export function addReference(api: FastifyInstance): void {
  let packed: Promise<Packed> | null = null;
  const script = () => {
    packed ??= packScript().catch(error => {
      packed = null;
      throw error;
    });
    return packed;
  };

  api.get('/docs', { schema: { hide: true } }, async (_request, reply) => {
    const nonce = randomBytes(18).toString('base64');
    return reply.header('content-security-policy', policy(nonce)).type('text/html; charset=utf-8').send(page(nonce));
  });

  // What people type.
  for (const path of ['/', '/docs/'])
    api.get(path, { schema: { hide: true } }, async (_request, reply) => reply.redirect('/api/docs', 308));

  api.get(SCRIPT_PATH, { schema: { hide: true } }, async (request, reply) => {
    const { gzipped, etag } = await script();
    reply.headers({ etag, 'cache-control': 'no-cache', vary: 'accept-encoding' });
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    reply.type('text/javascript; charset=utf-8');
    if (!/\bgzip\b/.test(String(request.headers['accept-encoding']))) return reply.send(gunzipSync(gzipped));
    return reply.header('content-encoding', 'gzip').send(gzipped);
  });
}

type Packed = { readonly gzipped: Buffer; readonly etag: string };

/** In a worker, which takes the 5 MB of the package along when it ends. */
function packScript(): Promise<Packed> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./pack-script.ts', import.meta.url));
    worker.once('message', (bytes: Uint8Array) => {
      const gzipped = Buffer.from(bytes);
      resolve({ gzipped, etag: `"${createHash('sha256').update(gzipped).digest('base64url')}"` });
    });
    worker.once('error', reject);
    worker.once('exit', code => reject(new Error(`the reference page was not packed: exit ${code}`)));
  });
}

/** The script brings styles of its own, without the nonce: they may be there, and can load nothing. */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    "style-src 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function page(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postern: the HTTP API</title>
<link rel="icon" href="data:,">
<style>
  body { margin: 0 }
  :root { --scalar-font: system-ui, sans-serif; --scalar-font-code: ui-monospace, monospace }
</style>
<noscript>This page needs JavaScript; <a href="/api/openapi.json">openapi.json</a> says the same.</noscript>
<div id="reference"></div>
<script nonce="${nonce}" src="/api${SCRIPT_PATH}"></script>
<script nonce="${nonce}">Scalar.createApiReference('#reference', ${JSON.stringify(CONFIGURATION)})</script>
</html>
`;
}
