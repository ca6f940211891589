// /api/v1/upstreams: where mail goes, what is known of each upstream, and whether it is to have mail (docs/circuits.md).
import { z } from 'zod';
import {
  closeUpstream,
  openingByHand,
  openUpstream,
  readState,
  surveyUpstreams,
  testUpstream,
  type UpstreamSurvey,
} from '../../../../relay/index.ts';
import type { UpstreamSettings } from '../../../platform/upstream-url.ts';
import { json, problems, withExample } from '../answers.ts';
import { whoAsks } from '../guard.ts';
import { Problem } from '../problems.ts';
import type { Api, Desk } from '../room.ts';
import { whichThereAre } from '../upstream-names.ts';

const time = z.iso.datetime();
const upstream = z
  .looseObject({
    name: z.string(),
    kind: z.enum(['smtp', 'mx', 'file', 'null']),
    connections: z.int(),
    ratePerSecond: z.number().nullable(),
    circuit: z.object({
      state: z.enum(['open', 'closed']).meta({ description: 'open: no mail goes there.' }),
      failures: z.int(),
      cause: z.string().nullable().meta({ description: '`by-hand`, or what was found.' }),
      reason: z.string().nullable(),
      rule: z.string().nullable().meta({ description: 'Of the table of faults.' }),
      since: time.nullable(),
      by: z.string().nullable().meta({ description: 'The node, or the person.' }),
      until: time.nullable().meta({ description: 'By hand, for a time.' }),
      lookInMs: z.number().nullable().meta({ description: 'Until it is tried whether it is back.' }),
      trialHolder: z.string().nullable(),
    }),
    fallbacks: z
      .array(
        z.object({
          ...{ route: z.string(), since: time, from: z.array(z.string()), to: z.array(z.string()) },
          ...{ reason: z.string(), deliveries: z.int() },
        }),
      )
      .meta({ description: 'Routes that go another way meanwhile.' }),
    usedToday: z
      .int()
      .nullable()
      .meta({ description: 'Messages it had today (UTC), where that is counted: at a rate, or in a warm-up.' }),
    slowed: z
      .array(z.object({ domain: z.string(), ratePerSecond: z.number(), reason: z.string() }))
      .meta({ description: 'Recipient domains that mail goes to more slowly; `*` is all mail.' }),
  })
  .meta({ id: 'Upstream', description: 'Beside these, what its kind has: `host`, `port`, `tls`… Never a password.' });

const named = z.strictObject({ name: z.string().meta({ description: "The upstream's name." }) });
const tags = ['upstreams'];

export function addUpstreams(app: Api, { store, settings }: Desk): void {
  const survey = async () =>
    surveyUpstreams(settings().POSTERN_UPSTREAMS ?? [], await readState(store.pool)).map(written);
  /** Throws 404. */
  const known = (name: string): UpstreamSettings => {
    const found = settings().POSTERN_UPSTREAMS?.find(one => one.name === name);
    if (found) return found;
    throw new Problem(404, `there is no upstream ${name}: ${whichThereAre(settings())}`);
  };

  app.get('/upstreams', {
    schema: {
      ...{ tags, operationId: 'listUpstreams', summary: 'All upstreams in order, and what is known of each' },
      response: {
        200: json('In the order of POSTERN_UPSTREAMS.', z.object({ items: z.array(upstream) })),
        ...problems(),
      },
    },
    handler: async () => ({ items: await survey() }),
  });

  app.get('/upstreams/:name', {
    schema: {
      ...{ tags, operationId: 'getUpstream', summary: 'One upstream', params: named },
      response: { 200: json('Its settings, its circuit, and what goes round it.', upstream), ...problems(404) },
    },
    handler: async ({ params: { name } }) => {
      known(name);
      return (await survey()).find(one => one.name === name)!;
    },
  });

  app.post('/upstreams/:name/test', {
    schema: {
      ...{ tags, operationId: 'testUpstream', summary: 'Would mail get there now?', params: named },
      description: 'Connects, and logs in; sends nothing. Takes as long as the upstream does.',
      response: {
        200: json(
          'Whether it would.',
          z.object({ name: z.string(), ok: z.boolean(), detail: z.string().meta({ description: 'Where it ended.' }) }),
        ),
        ...problems(403, 404),
      },
    },
    handler: ({ params: { name } }) => testUpstream(known(name), settings()),
  });

  app.post('/upstreams/:name/open', {
    schema: {
      ...{ tags, operationId: 'openUpstream', summary: 'No mail goes there from now on', params: named },
      description:
        'Until it is closed, or the time is over. Every gateway over the database hears of it within seconds.',
      body: openingByHand
        .nullish()
        .transform(opening => opening ?? { reason: null, for: null })
        .meta(withExample({ reason: 'moving to a new address', for: '2h' })),
      response: {
        200: json(
          'Open.',
          z.object({ upstream: z.string(), state: z.literal('open-by-hand'), until: time.nullable() }),
        ),
        ...problems(403, 404, 413, 415, 422),
      },
    },
    handler: async request => {
      const { name } = known(request.params.name);
      const { until } = await openUpstream(store.pool, name, { ...request.body, by: whoAsks(request) });
      return { upstream: name, state: 'open-by-hand' as const, until: until?.toISOString() ?? null };
    },
  });

  app.post('/upstreams/:name/close', {
    schema: {
      ...{ tags, operationId: 'closeUpstream', summary: 'It may have mail again at once', params: named },
      response: {
        200: json(
          'Closed, whether it was open or not.',
          z.object({ upstream: z.string(), state: z.literal('closed'), wasOpen: z.boolean() }),
        ),
        ...problems(403, 404),
      },
    },
    handler: async request => {
      const { name } = known(request.params.name);
      const wasOpen = await closeUpstream(store.pool, name, whoAsks(request));
      return { upstream: name, state: 'closed' as const, wasOpen };
    },
  });
}

/** The database was asked: what is null without it is there. */
function written({ circuit, fallbacks, slowed, ...settings }: UpstreamSurvey): z.input<typeof upstream> {
  const { since, until, ...rest } = circuit!;
  return {
    ...settings,
    slowed: [...slowed!],
    circuit: { ...rest, since: since?.toISOString() ?? null, until: until?.toISOString() ?? null },
    fallbacks: fallbacks!.map(({ since: began, from, to, ...others }) => ({
      ...{ ...others, since: began.toISOString(), from: [...from], to: [...to] },
    })),
  };
}
