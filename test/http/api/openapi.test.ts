// /api/openapi.json: valid, complete, and true.
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bearer, client } from '../../support/api.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

type Operation = {
  operationId: string;
  summary: string;
  tags: string[];
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
};
type Document = {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: object };
};

let gateway: TestGateway;
let document: Document;
const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

beforeAll(async () => {
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: 'null://?name=main' });
  document = (await (await gateway.http('/api/openapi.json')).json()) as Document;
});
afterAll(() => gateway.end());

it('is a valid document of OpenAPI 3.1, for everybody to read', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors).toBeUndefined();
  expect([valid, document.openapi]).toEqual([true, '3.1.0']);
});

it('has every operation that the server has, each with its name, room and sentence', async () => {
  expect(operations().map(({ method, path }) => `${method} ${path}`)).toEqual([
    'get /api/v1/routes',
    'get /api/v1/routes/{name}',
    'put /api/v1/routes/{name}',
    'delete /api/v1/routes/{name}',
    'post /api/v1/routes/test',
    'get /api/v1/upstreams',
    'get /api/v1/upstreams/{name}',
    'post /api/v1/upstreams/{name}/test',
    'post /api/v1/upstreams/{name}/open',
    'post /api/v1/upstreams/{name}/close',
    'get /api/v1/explain/reply',
  ]);
  const named = operations().map(({ operation }) => operation.operationId);
  expect(new Set(named).size).toBe(named.length);
  for (const { operation } of operations())
    expect(operation).toMatchObject({ summary: expect.stringMatching(/\w{3}/), tags: [expect.any(String)] });
});

it('has no other: what it does not name, and names under another method, is 404 or 405', async () => {
  const ask = client(gateway, await bearer(gateway));
  for (const [path, methods] of Object.entries(document.paths)) {
    const there = path.replace('/api/v1', '').replace('{name}', 'main');
    for (const method of ['get', 'put', 'post', 'patch', 'delete'].filter(one => !(one in methods))) {
      const { status, headers } = await ask(method.toUpperCase(), there);
      // Below /routes/{name} lies /routes/test, which is a rule's name too.
      expect([path, method, status]).toEqual([path, method, path.endsWith('/routes/test') ? expect.any(Number) : 405]);
      if (status === 405) expect(headers.get('allow')!.toLowerCase().split(', ')).not.toContain(method);
    }
  }
});

it('names what it answers with, and nothing that nobody uses', () => {
  expect(Object.keys(document.components.schemas).sort()).toEqual(['Problem', 'ReplyExplanation', 'Rule', 'Upstream']);
});

describe('says of each operation', () => {
  it('what it answers, and every problem in the form of RFC 9457', () => {
    for (const { operation } of operations()) {
      const answers = Object.entries(operation.responses);
      expect(answers.map(([status]) => status)).toEqual(expect.arrayContaining(['401', '429', '503']));
      for (const [status, { description, content = {} }] of answers) {
        expect(description).toMatch(/\w{3}/);
        const form = status === '204' ? [] : [Number(status) < 400 ? 'application/json' : 'application/problem+json'];
        expect(Object.keys(content)).toEqual(form);
      }
    }
  });

  it('403 where something is changed or tried, and nowhere else', async () => {
    const ask = client(gateway, await bearer(gateway, { isReadOnly: true }));
    for (const { path, method, operation } of operations()) {
      const there = path.replace('/api/v1', '').replace('{name}', 'main');
      const { status } = await ask(method.toUpperCase(), there);
      expect([path, method, status === 403]).toEqual([path, method, '403' in operation.responses]);
    }
  });

  it('what a body may have, and that nothing else may be in it', () => {
    const put = document.paths['/api/v1/routes/{name}']!.put as unknown as {
      requestBody: {
        required: boolean;
        content: { 'application/json': { schema: Record<string, unknown>; examples: unknown } };
      };
    };
    const { schema } = put.requestBody.content['application/json'];
    expect(schema).toMatchObject({ type: 'object', required: ['when', 'to'], additionalProperties: false });
    expect(schema.properties).toMatchObject({
      when: { type: 'object', additionalProperties: false, properties: { stream: {}, 'sender-domain': {} } },
      to: { anyOf: [{ type: 'string' }, { type: 'array' }] },
      before: {},
    });
    expect(JSON.stringify(schema)).not.toContain('"stream":{}');
    const open = document.paths['/api/v1/upstreams/{name}/open']!.post as unknown as typeof put;
    expect([put.requestBody.required, open.requestBody.required]).toEqual([true, false]);
    for (const { requestBody } of [put, open])
      expect(requestBody.content['application/json'].examples).toEqual({ example: { value: expect.any(Object) } });
  });
});

it('whatever is wrong with a body is said in our words, field by field', async () => {
  const ask = client(gateway, await bearer(gateway));
  const wrong: unknown[] = [7, 'x', true, null, [], [7], {}, { x: 1 }, 'x'.repeat(5_000), Array(200).fill('x')];
  let said = 0;
  for (const { path, method, operation } of operations()) {
    const { requestBody } = operation as unknown as {
      requestBody?: { content: { 'application/json': { schema: { properties?: object } } } };
    };
    if (!requestBody) continue;
    const fields = Object.keys(requestBody.content['application/json'].schema.properties ?? { reason: {}, for: {} });
    const bodies = [...wrong, ...fields.flatMap(field => wrong.map(value => ({ [field]: value })))];
    for (const body of bodies) {
      const there = path.replace('/api/v1', '').replace('{name}', 'main');
      const answer = await ask(method.toUpperCase(), there, JSON.stringify(body));
      if (answer.status < 300) continue;
      expect([answer.status, answer.body.detail]).toEqual([422, expect.not.stringMatching(OF_THE_VALIDATOR)]);
      said += 1;
    }
  }
  expect(said).toBeGreaterThan(100);
});

const OF_THE_VALIDATOR = /invalid|expected|received|unrecogni|too (big|small)|undefined|makes no sense/i;

it('is nowhere without the role http, and neither is the API', async () => {
  const other = await startTestGateway({ POSTERN_ROLES: 'listener,dispatcher' });
  try {
    for (const path of ['/api', '/api/openapi.json', '/api/docs', '/api/v1/routes'])
      expect((await other.http(path)).status).toBe(404);
    expect(await (await other.http('/')).text()).not.toContain('/api/');
    expect(await (await gateway.http('/')).text()).toContain('href="/api/docs"');
  } finally {
    await other.end();
  }
});
