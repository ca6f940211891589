// The HTTP API: /api/v1, room by room, behind one door. It calls the facades that the command line calls, and says no in
// problem documents only. /api/openapi.json and /api/docs tell the same from the same schemas.
import type { FastifyInstance } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Health } from '../../platform/health.ts';
import type { Logger } from '../../platform/log.ts';
import type { Routes } from '../routes.ts';
import type { Access } from './access.ts';
import { addChecks } from './checks.ts';
import { addGuard } from './guard.ts';
import { watchMethods } from './methods.ts';
import { addOpenApi } from './openapi.ts';
import { answerProblem, Problem, pathOf } from './problems.ts';
import { addReference } from './reference/page.ts';
import type { Api, Desk } from './room.ts';
import { addExplain } from './rooms/explain.ts';
import { addRoutes } from './rooms/routes.ts';
import { addUpstreams } from './rooms/upstreams.ts';

export { type Access, createAccess } from './access.ts';

export type ApiOptions = Desk & {
  readonly access: Access;
  readonly health: Health;
  readonly log: Logger;
  readonly version: string;
};

const MAX_BODY_BYTES = 65_536;

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

const ROOMS: readonly ((app: Api, desk: Desk) => void)[] = [addRoutes, addUpstreams, addExplain];

export function createApi(options: ApiOptions): Routes {
  return async app => {
    await app.register(
      async api => {
        addManners(api, options);
        await addOpenApi(api, options);
        addReference(api);
        await api.register(async v1 => addRooms(v1, options), { prefix: '/v1' });
      },
      { prefix: '/api' },
    );
  };
}

/** What holds for all of it. */
function addManners(api: FastifyInstance, options: ApiOptions): void {
  api.setSerializerCompiler(serializerCompiler);
  api.removeAllContentTypeParsers();
  const parseJson = api.getDefaultJsonParser('error', 'error');
  api.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: MAX_BODY_BYTES },
    // Clients that always name the type do so without a body too.
    (request, body, done) => (body === '' ? done(null, undefined) : parseJson(request, body as string, done)),
  );
  api.addHook('onRequest', async (_request, reply) => void reply.headers(HEADERS));
  api.setErrorHandler(answerProblem(options));
  api.setNotFoundHandler(request => {
    throw new Problem(404, `no such page: ${pathOf(request)}`);
  });
}

function addRooms(v1: FastifyInstance, options: ApiOptions): void {
  addGuard(v1, options);
  addChecks(v1);
  v1.setNotFoundHandler(request => {
    throw new Problem(404, `no such page: ${pathOf(request)}`);
  });
  const addOtherMethods = watchMethods(v1);
  for (const addRoom of ROOMS) addRoom(v1.withTypeProvider<ZodTypeProvider>(), options);
  addOtherMethods();
}
