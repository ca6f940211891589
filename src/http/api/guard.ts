// The door of the API: nobody passes who does not say who it is, and who may only look changes nothing. What was done
// is written to the log with whoever did it.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from '../../platform/log.ts';
import type { Access, Admission, Visitor } from './access.ts';
import { Problem, pathOf } from './problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** It asks by POST, and changes nothing. */
    readonly onlyReads?: true;
  }
}

const visitors = new WeakMap<FastifyRequest, Visitor>();

export function addGuard(app: FastifyInstance, { access, log }: { readonly access: Access; readonly log: Logger }) {
  app.addHook('onRequest', async request => {
    const visitor = admitted(await access(request.headers.authorization, request.ip));
    visitors.set(request, visitor);
    if (onlyReads(request)) return;
    if (isFromAnotherSite(request)) throw new Problem(403, 'this was asked by a page of another site');
    if (!visitor.mayChange) throw new Problem(403, 'this token is read-only');
  });
  app.addHook('onResponse', async (request, reply) => {
    const visitor = visitors.get(request);
    if (!visitor || onlyReads(request) || reply.statusCode >= 300) return;
    const did = { by: visitor.by, method: request.method, path: pathOf(request), remoteAddress: request.ip };
    log.info({ event: 'api-action', ...did }, 'api-action');
  });
}

/** As events name whoever did something. */
export function whoAsks(request: FastifyRequest): string {
  return visitors.get(request)!.by;
}

function admitted(admission: Admission): Visitor {
  switch (admission.kind) {
    case 'visitor':
      return admission.visitor;
    case 'refused':
      throw new Problem(401, 'a valid token, or the login of an admin, is needed', {
        headers: { 'www-authenticate': 'Bearer realm="postern", Basic realm="postern", charset="UTF-8"' },
      });
    case 'throttled':
      throw new Problem(429, 'too many failed logins, try again later', { headers: { 'retry-after': '900' } });
    case 'busy':
      throw new Problem(503, 'too many logins are being looked at', { headers: { 'retry-after': '1' } });
  }
}

function onlyReads({ method, routeOptions: { config } }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD' || config?.onlyReads === true;
}

/** A browser that knows an admin's login sends it along, whoever's page asks; it says whose. */
function isFromAnotherSite({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}
