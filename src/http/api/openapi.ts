// /api/openapi.json: what the rooms say of themselves by their schemas, as OpenAPI 3.1. Nobody writes it by hand.
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';

const DESCRIPTION = `Every request to /api/v1 needs a token (\`npx postern token add NAME\`), as \`Authorization: Bearer …\`,
or the login of an admin, as HTTP Basic.

Bodies are JSON of at most 64 KB, and a field that means nothing is refused. Whatever goes wrong is said in a problem
document (RFC 9457); with 422, \`errors\` names each field. What is listed stands in \`items\`.`;

const TAGS = [
  { name: 'routes', description: 'Which mail takes which upstreams: the first rule that fits holds.' },
  {
    name: 'upstreams',
    description: 'Where mail goes, what is known of each upstream, and whether it is to have mail.',
  },
  { name: 'explain', description: 'What would follow, and why. Nothing is sent.' },
];

/** Before the rooms are added, or they are not in it. */
export async function addOpenApi(api: FastifyInstance, { version }: { readonly version: string }): Promise<void> {
  await api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Postern', version, description: DESCRIPTION, license: { name: 'MIT', identifier: 'MIT' } },
      servers: [{ url: '/', description: 'this gateway' }],
      tags: TAGS,
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Of `npx postern token add NAME`.' },
          admin: { type: 'http', scheme: 'basic', description: 'The login of an admin.' },
        },
      },
      security: [{ token: [] }, { admin: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: document =>
      withOptionalBodies(withoutUnused(jsonSchemaTransformObject(document) as OpenAPIV3_1.Document)),
  });
  api.get('/openapi.json', { schema: { hide: true } }, async () => api.swagger());
}

/** Each named schema comes in two forms, what is asked and what is answered; most are only ever one of them. */
function withoutUnused(document: Partial<OpenAPIV3_1.Document>) {
  const text = JSON.stringify(document);
  const schemas = Object.entries(document.components?.schemas ?? {});
  const used = schemas.filter(([name]) => text.includes(`"#/components/schemas/${name}"`));
  return { ...document, components: { ...document.components, schemas: Object.fromEntries(used) } };
}

/** Where null is as good, nothing is too. The plugin calls every body required. */
function withOptionalBodies(document: Partial<OpenAPIV3_1.Document>) {
  for (const { put, post } of Object.values(document.paths ?? {}).map(path => path ?? {}))
    for (const { requestBody } of [put ?? {}, post ?? {}]) {
      if (!requestBody || !('content' in requestBody)) continue;
      const { schema } = requestBody.content['application/json'] ?? {};
      const isOptional = schema && 'anyOf' in schema && schema.anyOf?.some(one => 'type' in one && one.type === 'null');
      if (isOptional) requestBody.required = false;
    }
  return document;
}
