// How a room says what it is given and what it answers, in the words of OpenAPI: an example of a body, its own answers, and
// the problems that may stand in the way.
import type { ZodType } from 'zod';
import type { ProblemStatus } from '../problem.ts';
import { problemSchema } from './problems.ts';

const MEANS = {
  403: 'The token is read-only, or a page of another site asked.',
  404: 'There is none of that name.',
  409: 'It is not to be changed here.',
  413: 'The body is too large.',
  415: 'The body is no JSON.',
  422: 'Something makes no sense: `errors` says what.',
} as const satisfies Partial<Record<ProblemStatus, string>>;

/** Any request can meet these. */
const ALWAYS = {
  401: 'No token or login, or none that opens the door.',
  429: 'Too many failed logins.',
  503: 'The database is away, or too many log in.',
} as const satisfies Partial<Record<ProblemStatus, string>>;

/** Of a body. What zod knows as examples it leaves out where a schema transforms. */
export function withExample(value: object) {
  return { 'x-examples': { example: { value } } };
}

export function json<Schema extends ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

/** Each of `statuses`, and what any request can meet. */
export function problems(...statuses: (keyof typeof MEANS)[]) {
  const all: Record<number, string> = { ...ALWAYS, ...Object.fromEntries(statuses.map(one => [one, MEANS[one]])) };
  return Object.fromEntries(
    Object.entries(all).map(([status, description]) => [
      status,
      { description, content: { 'application/problem+json': { schema: problemSchema } } },
    ]),
  );
}
