// What a room is given, held against its schemas before the room sees it. Path, query and body are judged together: all that
// is wrong with a request is said at once, in our words, whatever the schema has none for.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Mistake, Problem, pathOf, problemOfMistakes } from './problems.ts';
import { hasUnfitName, unfitTexts } from './texts.ts';

export function addChecks(app: FastifyInstance): void {
  // Fastify asks part by part, and would end at the first in which something is wrong.
  app.setValidatorCompiler(() => value => ({ value }));
  app.addHook('preValidation', async request => {
    if (request.is404) return;
    if (hasUnfitName(request)) throw new Problem(404, `no such page: ${pathOf(request)}`);
    const mistakes = [...unfitTexts(request), ...take(request)];
    if (mistakes.length > 0) throw problemOfMistakes(mistakes);
  });
}

/** Leaves in the request what the schemas make of it. */
function take(request: FastifyRequest): Mistake[] {
  const { params, querystring, body } = request.routeOptions.schema ?? {};
  const read = (place: Mistake['in'], schema: unknown, given: unknown, keep: (value: unknown) => void): Mistake[] => {
    if (!(schema instanceof z.ZodType)) return [];
    const parsed = schema.safeParse(given, { error: wordingOf, reportInput: true });
    if (parsed.success) keep(parsed.data);
    return parsed.error?.issues.flatMap(issue => mistakesOf(issue, place, schema)) ?? [];
  };
  return [
    ...read('path', params, request.params, value => Object.assign(request, { params: value })),
    ...read('query', querystring, request.query, value => Object.assign(request, { query: value })),
    ...read('body', body, request.body, value => Object.assign(request, { body: value })),
  ];
}

const NOUNS: Readonly<Record<string, string>> = { string: 'text', array: 'list', int: 'whole number' };

/** Where the schema does not say it itself. */
function wordingOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `is no ${NOUNS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `is none of ${issue.values.join(', ')}`;
    case 'too_big':
      return `has more than ${issue.maximum} ${issue.origin === 'string' ? 'characters' : 'entries'}`;
    default:
      return 'makes no sense here';
  }
}

function mistakesOf(issue: z.core.$ZodIssue, place: Mistake['in'], schema: z.ZodType): Mistake[] {
  const at = (path: readonly PropertyKey[], detail: string) => ({ in: place, path: path.join('.'), detail });
  if (issue.code !== 'unrecognized_keys') return [at(issue.path, detailOf(issue, place))];
  const known = knownKeys(schema, issue.path).join(', ');
  return issue.keys.map(key => at([...issue.path, key], `is not known here (known: ${known})`));
}

function detailOf({ code, input, message }: z.core.$ZodIssue, place: Mistake['in']): string {
  if (code === 'custom') return message;
  if (input === undefined) return message.startsWith('is missing') ? message : 'is missing';
  return place === 'query' && Array.isArray(input) ? 'is there more than once' : message;
}

type Shape = {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
};

/** What may stand at that place: the document of the API says the same. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const whole = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape;
  const there = path.reduce<readonly Shape[]>(
    (shapes, step) => shapes.flatMap(({ items, properties }) => options(properties?.[String(step)] ?? items)),
    options(whole),
  );
  return there.flatMap(({ properties = {} }) => Object.keys(properties));
}

function options(shape: Shape | undefined): Shape[] {
  return shape ? [shape, ...(shape.anyOf ?? []).flatMap(options)] : [];
}
