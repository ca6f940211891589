// 405 with `Allow` for what is there, but not by that method. Call it before routes are added, and its result after them.
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { Problem } from './problems.ts';

export function watchMethods(app: FastifyInstance): () => void {
  const known = new Map<string, Set<HTTPMethods>>();
  app.addHook('onRoute', ({ path, method }) => {
    const methods = known.get(path) ?? new Set();
    for (const one of [method].flat()) methods.add(one as HTTPMethods);
    known.set(path, methods);
  });
  return () => {
    const all = app.supportedMethods as HTTPMethods[];
    for (const [path, methods] of [...known]) {
      const allow = [...methods].join(', ');
      app.route({
        method: all.filter(method => !methods.has(method)),
        url: path.slice(app.prefix.length),
        schema: { hide: true },
        // Nothing is changed by it, and a body is not looked at.
        config: { onlyReads: true },
        preParsing: async () => {
          throw new Problem(405, `only ${allow}`, { headers: { allow } });
        },
        handler: () => undefined,
      });
    }
  };
}
