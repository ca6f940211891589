// A part of the server that is loaded when somebody asks for it: the API costs some 18 MB, and most gateways are never
// asked. The first request waits for it; nothing else notices.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createApp } from './app.ts';
import type { IsProxy } from './proxies.ts';
import type { Routes } from './routes.ts';

/** `path` and everything below it is for what `load` brings, whatever its method; bodies reach it unread. */
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
    const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
      const inner = await open();
      reply.hijack();
      inner.routing(request.raw, reply.raw);
    };
    for (const url of [path, `${path}/*`]) app.all(url, { onRequest, handler: () => undefined });
    app.addHook('onClose', async () => (await opening?.catch(() => null))?.close());
  };
}

async function build(isProxy: IsProxy, load: () => Promise<Routes>): Promise<FastifyInstance> {
  const app = createApp(isProxy);
  const addRoutes = await load();
  await addRoutes(app);
  await app.ready();
  return app;
}
