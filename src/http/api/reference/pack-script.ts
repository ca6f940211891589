// The worker of page.ts: takes the script of the reference page out of its package, packs it, and is gone.
import { parentPort } from 'node:worker_threads';
import { constants, gzipSync } from 'node:zlib';
import reference from '@scalar/fastify-api-reference';
import Fastify from 'fastify';

// The package gives it to browsers only: so it is asked as one would.
const app = Fastify();
await app.register(reference, { routePrefix: '/docs', configuration: { url: '/' } });
const { statusCode, body } = await app.inject('/docs/js/scalar.js');
if (statusCode !== 200) throw new Error(`no script in the reference package: ${statusCode}`);
parentPort!.postMessage(gzipSync(body, { level: constants.Z_BEST_COMPRESSION }));
