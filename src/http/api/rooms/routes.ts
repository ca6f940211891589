// /api/v1/routes: which mail takes which upstreams (docs/routes.md).
import { z } from 'zod';
import { type ListedRule, RULE_SOURCES, readRulebook, removeRule, ruleOf, setRule } from '../../../../relay/index.ts';
import { parseMailbox } from '../../../mail/address.ts';
import {
  routeBody,
  routeGroups,
  routeWhen,
  ruleName,
  writtenGroups,
  writtenWhen,
} from '../../../platform/route-rules.ts';
import type { Settings } from '../../../platform/settings.ts';
import { json, problems, withExample } from '../answers.ts';
import { Problem, problemOf } from '../problems.ts';
import type { Api, Desk } from '../room.ts';
import { upstreamNames, whichThereAre } from '../upstream-names.ts';

const words = z.array(z.string());
const rule = z
  .object({
    name: z.string(),
    when: z
      .object({
        ...{ tenant: words, credential: words, stream: z.array(z.enum(['transactional', 'bulk'])) },
        ...{ 'sender-domain': words, 'recipient-domain': words, tag: words },
      })
      .partial()
      .meta({ description: 'All of it must fit, and of several values one. Empty: everything.' }),
    to: words.meta({ description: 'Groups in the order in which they are tried: `mailgun*3 + ses`.' }),
    source: z.enum(RULE_SOURCES).meta({ description: 'Only what was set by hand can be changed here.' }),
    note: z.string().optional().meta({ description: 'Set by hand, it hides a rule of the settings with its name.' }),
  })
  .meta({ id: 'Rule' });

const named = z.strictObject({ name: z.string().meta({ description: "The rule's name." }) });
const address = z.string().refine(isAddress, 'is no address');
const tags = ['routes'];

const EXAMPLE = { when: { stream: ['bulk'], 'sender-domain': ['news.example.com'] }, to: 'mailgun*3 + ses, postmark' };

/** Elsewhere a rule without it is for all mail; a program that forgets it should not take all mail another way. */
const when = z
  .strictObject(routeWhen.in.unwrap().shape, {
    error: ({ input }) => (input === undefined ? 'is missing: for a rule that takes all mail, say {}' : undefined),
  })
  .pipe(routeWhen.out)
  .meta({
    description: 'For which mail: all of it must fit, each key with one value or a list. `{}` is for all mail.',
  });
const before = routeBody.shape.before.meta({ description: 'Another rule set by hand, which it is to stand before.' });

export function addRoutes(app: Api, { store, settings }: Desk): void {
  const written = (listed: ListedRule) => ({ ...withoutNote(listed), ...noteOf(listed, settings()) });
  const to = routeGroups
    .superRefine((groups, context) => {
      const known = new Set(upstreamNames(settings()));
      for (const { upstream } of groups.flat())
        if (!known.has(upstream))
          context.addIssue(`names ${upstream}, which is no upstream: ${whichThereAre(settings())}`);
    })
    .meta({ description: 'Groups, apart by commas or as a list; within a group `+`, and a weight behind `*`.' });

  app.get('/routes', {
    schema: {
      ...{ tags, operationId: 'listRoutes', summary: 'All rules, in the order in which they are asked' },
      response: {
        200: json(
          'The first that fits holds.',
          z.object({
            items: z.array(rule),
            problems: words.meta({ description: 'Rules set by hand that are left out, and why.' }),
          }),
        ),
        ...problems(),
      },
    },
    handler: async () => {
      const { rules, problems: leftOut } = await readRulebook(store.pool, settings());
      return { items: rules.map(written), problems: [...leftOut] };
    },
  });

  app.get('/routes/:name', {
    schema: {
      ...{ tags, operationId: 'getRoute', summary: 'One rule', params: named },
      response: { 200: json('The one that is asked first, should there be two of that name.', rule), ...problems(404) },
    },
    handler: async ({ params: { name } }) => {
      const { rules } = await readRulebook(store.pool, settings());
      const found = rules.find(one => one.name === name);
      if (!found) throw new Problem(404, `there is no rule ${name}`);
      return written(found);
    },
  });

  app.put('/routes/:name', {
    schema: {
      ...{ tags, operationId: 'setRoute', summary: 'Make a rule, or change it' },
      description:
        'Holds in all processes within seconds. A new rule stands behind the others that were set by hand, a changed one ' +
        'stays in its place, unless `before` says before which one. The same request again changes nothing.',
      params: z.strictObject({ name: ruleName.meta({ description: "The rule's name." }) }),
      body: routeBody.extend({ when, to, before }).meta(withExample(EXAMPLE)),
      response: { 200: json('Changed.', rule), 201: json('Made.', rule), ...problems(403, 413, 415, 422) },
    },
    handler: async ({ params: { name }, body: { before = null, ...rest } }, reply) => {
      const wanted = { name, ...rest };
      const outcome = await setRule(store.pool, settings(), { rule: wanted, before });
      if (outcome.kind === 'refused') throw problemOf(outcome, 'body');
      const isNew = outcome.kind === 'made';
      if (isNew) reply.header('location', `/api/v1/routes/${encodeURIComponent(name)}`);
      return reply.code(isNew ? 201 : 200).send(written({ ...wanted, source: 'by hand' }));
    },
  });

  app.delete('/routes/:name', {
    schema: {
      ...{ tags, operationId: 'removeRoute', summary: 'Remove a rule that was set by hand', params: named },
      response: { 204: z.undefined().meta({ description: 'Removed.' }), ...problems(403, 404, 409) },
    },
    handler: async ({ params: { name } }, reply) => {
      const outcome = await removeRule(store.pool, settings(), name);
      if (outcome.kind !== 'removed') throw new Problem(outcome.kind === 'fixed' ? 409 : 404, outcome.problem);
      return reply.code(204).send();
    },
  });

  app.post('/routes/test', {
    config: { onlyReads: true },
    schema: {
      ...{ tags, operationId: 'testRoutes', summary: 'Which rule holds for such a message' },
      body: z.strictObject({
        from: address.meta({ description: 'Sender.', examples: ['shop@example.com'] }),
        to: address.meta({ description: 'Recipient.', examples: ['friend@example.net'] }),
        stream: z.enum(['transactional', 'bulk']).default('transactional'),
        tags: words.max(100).default([]),
        credential: z.string().nullable().default(null).meta({ description: 'Who hands it in.' }),
      }),
      response: { 200: json('Nothing is sent.', rule), ...problems(413, 415, 422) },
    },
    handler: async ({ body }) => {
      const outcome = await ruleOf(store, settings(), body);
      if (outcome.kind === 'refused') throw problemOf(outcome, 'body');
      return written(outcome.rule);
    },
  });
}

function isAddress(text: string): boolean {
  return typeof parseMailbox(text, { smtpUtf8: true }) === 'string';
}

function withoutNote({ name, when: mail, to, source }: ListedRule): z.input<typeof rule> {
  return { name, when: writtenWhen(mail), to: writtenGroups(to), source };
}

/** Both may be meant; whoever did not know of the other one hears of it. */
function noteOf({ name, source }: ListedRule, { POSTERN_ROUTES }: Settings): { note?: string } {
  const hides = source === 'by hand' && POSTERN_ROUTES.some(one => one.name === name);
  return hides ? { note: `stands in for rule ${name} of POSTERN_ROUTES, which holds again once this is removed` } : {};
}
