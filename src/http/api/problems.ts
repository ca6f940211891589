// Everything that the API says no with: a problem document (RFC 9457), in one wording. What went wrong inside is for the
// log; what the asker did wrong is said with the place where it stands.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Refusal } from '../../../relay/index.ts';
import type { Health } from '../../platform/health.ts';
import type { Logger } from '../../platform/log.ts';
import { PROBLEM_TYPE, type ProblemStatus, problemText } from '../problem.ts';

const mistake = z.object({
  in: z.enum(['body', 'path', 'query']),
  path: z.string().meta({ description: 'The field, with a dot before each one within it; empty: all of it.' }),
  detail: z.string(),
});

export type Mistake = z.infer<typeof mistake>;

export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.array(mistake).optional().meta({ description: 'With 422: each thing that is wrong.' }),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457).' });

/** Thrown by whoever finds it; `answerProblem` sends it. */
export class Problem extends Error {
  readonly status: ProblemStatus;
  readonly errors: readonly Mistake[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ProblemStatus,
    detail: string,
    { errors = [], headers = {} }: { errors?: readonly Mistake[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.status = status;
    this.errors = errors;
    this.headers = headers;
  }
}

/** `in`: where the fields of the question were. */
export function problemOf({ field, problem }: Refusal, place: Mistake['in']): Problem {
  return new Problem(422, problem, { errors: [{ in: place, path: field, detail: problem }] });
}

export function problemOfMistakes(errors: readonly Mistake[]): Problem {
  const words = errors.map(({ in: place, path, detail }) => `${path || `the ${place}`} ${detail}`);
  return new Problem(422, words.join('; '), { errors });
}

export function answerProblem({ log, health }: { readonly log: Logger; readonly health: Health }) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const problem = asProblem(error, health);
    if (problem.status === 500)
      log.error({ event: 'api-failed', method: request.method, path: pathOf(request), err: error }, 'api failed');
    const { status, message: detail, errors, headers } = problem;
    const text = problemText(status, detail, errors.length > 0 ? { errors } : {});
    // As text: what a route says about its answers is not asked again.
    return reply.code(status).headers(headers).type(PROBLEM_TYPE).send(text);
  };
}

function asProblem(error: FastifyError, health: Health): Problem {
  if (error instanceof Problem) return error;
  switch (error.statusCode ?? 500) {
    case 413:
      return new Problem(413, 'the body is larger than 64 KB');
    case 415:
      return new Problem(415, 'a body is JSON: Content-Type: application/json');
    default:
      if ((error.statusCode ?? 500) < 500)
        return new Problem(400, UNREADABLE[error.code] ?? 'the request cannot be read');
  }
  // Most often the database, and then somebody else knows it already.
  return health.trouble === null
    ? new Problem(500, 'something went wrong here; the log says what')
    : new Problem(503, health.trouble, { headers: { 'retry-after': '5' } });
}

/** Fastify's words for these are about Fastify. */
const UNREADABLE: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'the body cannot be read as JSON',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'the body is not as long as Content-Length says',
};

export function pathOf({ url }: FastifyRequest): string {
  return url.split('?')[0]!;
}
