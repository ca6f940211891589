// An app that says no in problem documents only, also where Fastify has answers of its own: to a URL that is none, or with
// a name in it that is too long. What went wrong inside is for the log, not for the caller.
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyServerOptions } from 'fastify';
import { isProblemStatus, PROBLEM_TYPE, type ProblemStatus, problemText } from './problem.ts';
import type { IsProxy } from './proxies.ts';

/** Longer than any name that there is, so that a room can say what is wrong with most. */
const MAX_NAME = 1_000;

export function createApp(isProxy: IsProxy, options: FastifyServerOptions = {}): FastifyInstance {
  const app = Fastify({
    ...options,
    logger: false,
    trustProxy: isProxy,
    routerOptions: { maxParamLength: MAX_NAME },
    // Its answer while it closes is no problem document; connections end then anyway.
    return503OnClosing: false,
    frameworkErrors: ({ statusCode = 500 }, _request, reply) => {
      // As any other, but typed as one of no route.
      sendProblem(reply as unknown as FastifyReply, statusOf(statusCode), BEFORE_ROUTES[statusCode]);
    },
  });
  app.setErrorHandler(({ statusCode = 500 }: { statusCode?: number }, _request, reply) =>
    sendProblem(reply, statusOf(statusCode), IN_ROUTES[statusCode]),
  );
  return app;
}

export function sendProblem(reply: FastifyReply, status: ProblemStatus, detail?: string): FastifyReply {
  // As text: what a route says about its answers is not asked again.
  return reply.code(status).type(PROBLEM_TYPE).send(problemText(status, detail));
}

const BEFORE_ROUTES: Readonly<Record<number, string>> = {
  400: 'the URL is none: a % stands before two hexadecimal digits, and they are UTF-8',
  414: `a name in the URL is longer than ${MAX_NAME} characters`,
};

const IN_ROUTES: Readonly<Record<number, string>> = {
  400: 'the request cannot be read',
  413: 'the body is too large',
  415: 'a body of that type is not taken here',
};

function statusOf(status: number): ProblemStatus {
  if (isProblemStatus(status)) return status;
  return status < 500 ? 400 : 500;
}
