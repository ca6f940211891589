// A part of the server that is loaded when somebody asks for it: the API costs some 18 MB, and most gateways are never
// asked. The first request waits for it; nothing else notices.
import Fastify, { type FastifyInstance } from 'fastify';
import type { IsProxy } from './proxies.ts';
import type { Routes } from './routes.ts';

/** Everything below `path` is for what `load` brings, whatever its method; bodies reach it unread. */
export function whenAsked(path: string, isProxy: IsProxy, load: () => Promise<Routes>): Routes {
  let opening: Promise<FastifyInstance> | null = null;
  const open = () => {
    opening ??= build(isProxy, load).catch(error => {
      opening = null;
      throw error;
    });
    return opening;
  };
  return async app => {
    app.all(`${path}/*`, {
      onRequest: async (request, reply) => {
        const inner = await open();
        reply.hijack();
        inner.routing(request.raw, reply.raw);
      },
      handler: () => undefined,
    });
    app.addHook('onClose', async () => (await opening?.catch(() => null))?.close());
  };
}

async function build(isProxy: IsProxy, load: () => Promise<Routes>): Promise<FastifyInstance> {
  const app = Fastify({ logger: false, trustProxy: isProxy });
  const addRoutes = await load();
  await addRoutes(app);
  await app.ready();
  return app;
}
