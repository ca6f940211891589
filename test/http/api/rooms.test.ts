// The rooms of the API over real HTTP and a real database: what they answer, and how they say no.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bearer, client } from '../../support/api.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { ScriptedUpstream } from '../../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let ask: ReturnType<typeof client>;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({
    POSTERN_UPSTREAMS: `${upstream.url('name=main')},smtp://u:hunter2@127.0.0.1:1?name=dead`,
    POSTERN_ROUTES: '[{"name":"codes","when":{"tag":"otp"},"to":"dead, main"}]',
    POSTERN_UPSTREAM_TIMEOUT: '2s',
  });
  ask = client(gateway, await bearer(gateway, { name: 'tests' }));
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});
afterEach(() => gateway.rows('delete from routes'));

const problem = (status: number, detail: unknown, errors?: unknown) => ({
  ...{ type: 'about:blank', title: expect.any(String), status, detail },
  ...(errors !== undefined && { errors }),
});

describe('routes', () => {
  const LAST = { name: 'default', when: {}, to: ['main', 'dead'], source: 'last resort' };
  const CODES = { name: 'codes', when: { tag: ['otp'] }, to: ['dead', 'main'], source: 'settings' };

  it('are made, changed, shown and removed; the same request again changes nothing', async () => {
    const wanted = { when: { stream: 'bulk', 'sender-domain': ['News.Example'] }, to: 'main*3 + dead' };
    const shown = {
      name: 'bulk',
      when: { stream: ['bulk'], 'sender-domain': ['news.example'] },
      to: ['main*3 + dead'],
      source: 'by hand',
    };
    const made = await ask('PUT', '/routes/bulk', wanted);
    expect(made).toMatchObject({ status: 201, body: shown });
    expect(made.headers.get('location')).toBe('/api/v1/routes/bulk');
    const again = await ask('PUT', '/routes/bulk', wanted);
    expect(again).toMatchObject({ status: 200, body: shown });
    expect(again.headers.get('location')).toBeNull();
    expect((await ask('GET', '/routes')).body).toEqual({ items: [shown, CODES, LAST], problems: [] });
    expect(await ask('GET', '/routes/bulk')).toMatchObject({ status: 200, body: shown });
    expect(await ask('DELETE', '/routes/bulk')).toMatchObject({ status: 204, body: null });
    expect((await ask('GET', '/routes')).body.items).toEqual([CODES, LAST]);
    expect(await ask('DELETE', '/routes/bulk')).toMatchObject({ status: 404 });
  });

  it('take groups as a list too, and stand before the one that is named', async () => {
    const names = async () => (await ask('GET', '/routes')).body.items.map(({ name }: { name: string }) => name);
    await ask('PUT', '/routes/first', { when: {}, to: ['main', 'dead'] });
    await ask('PUT', '/routes/second', { when: {}, to: 'main' });
    expect(await names()).toEqual(['first', 'second', 'codes', 'default']);
    expect((await ask('PUT', '/routes/second', { when: {}, to: 'main', before: 'first' })).status).toBe(200);
    expect(await names()).toEqual(['second', 'first', 'codes', 'default']);
    await ask('PUT', '/routes/second', { when: {}, to: 'dead', before: null });
    expect(await names()).toEqual(['second', 'first', 'codes', 'default']);
  });

  it('that are made at the same time each get a place', async () => {
    const made = await Promise.all([1, 2, 3, 4, 5, 6].map(i => ask('PUT', `/routes/r${i}`, { when: {}, to: 'main' })));
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 201]);
    expect(await gateway.rows('select distinct position from routes')).toHaveLength(6);
  });

  it('set by hand that make no sense are told of', async () => {
    await gateway.rows(`insert into routes (name, position, rule) values ('odd', 1, '{"when": {"moon": "full"}}')`);
    expect((await ask('GET', '/routes')).body.problems).toEqual([expect.stringMatching(/^odd: .*moon/)]);
  });

  it.each<[string, unknown, unknown]>([
    ['no body', undefined, [{ in: 'body', path: '', detail: 'is missing' }]],
    ['no upstreams', { when: {} }, [{ in: 'body', path: 'to', detail: expect.any(String) }]],
    [
      'an unknown field',
      { when: {}, to: 'main', weight: 3 },
      [{ in: 'body', path: 'weight', detail: 'is not known here (known: when, to, before)' }],
    ],
    [
      'an unknown key',
      { to: 'main', when: { moon: 'full' } },
      [{ in: 'body', path: 'when.moon', detail: expect.stringMatching(/^is not known here .known: tenant, /) }],
    ],
    [
      'another stream',
      { to: 'main', when: { stream: 'post' } },
      [{ in: 'body', path: 'when.stream.0', detail: 'is neither transactional nor bulk' }],
    ],
    [
      'an upstream that is none',
      { when: {}, to: 'main + other' },
      [
        {
          in: 'body',
          path: 'to',
          detail: expect.stringMatching(/^names other, which is no upstream: there are main, dead/),
        },
      ],
    ],
    ['one twice', { when: {}, to: 'main, main' }, [{ in: 'body', path: 'to', detail: 'names main twice' }]],
    [
      'a rule to stand before that is none',
      { when: {}, to: 'main', before: 'nobody' },
      [{ in: 'body', path: 'before', detail: 'there is no rule nobody' }],
    ],
    [
      'a text that the database cannot hold',
      { to: 'main', when: { tag: ['a', 'b\0'] } },
      [{ in: 'body', path: 'when', detail: expect.stringMatching(/^has a character that no text can have/) }],
    ],
    [
      'half of a surrogate pair',
      { to: 'main', when: { credential: '\ud83d' } },
      [{ in: 'body', path: 'when', detail: expect.stringMatching(/^has a character that no text can have/) }],
    ],
    [
      'two mistakes',
      { to: 7, when: { tag: [] } },
      [
        { in: 'body', path: 'when.tag', detail: 'is an empty list' },
        { in: 'body', path: 'to', detail: 'is no text' },
      ],
    ],
  ])('with %s are 422, with the place', async (_title, body, errors) => {
    const answer = await ask('PUT', '/routes/x', body);
    expect(answer.body).toEqual(problem(422, expect.any(String), errors));
    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect((await ask('GET', '/routes/x')).status).toBe(404);
  });

  it('that are nested without end, or have a name that nothing can have, are no fault of ours', async () => {
    const nested = `{"to":"main","when":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
    expect((await ask('PUT', '/routes/x', nested)).status).toBe(422);
    expect((await ask('DELETE', '/routes/a%00b')).status).toBe(404);
  });

  it('may not have the name of what holds without a rule, nor one that is none', async () => {
    expect((await ask('PUT', '/routes/default', { when: {}, to: 'main' })).body).toMatchObject({
      status: 422,
      errors: [{ in: 'path', path: 'name' }],
    });
    expect((await ask('PUT', '/routes/a%20b', { when: {}, to: 'main' })).status).toBe(422);
  });

  it('of the settings are changed there: 409', async () => {
    expect((await ask('DELETE', '/routes/codes')).body).toEqual(
      problem(409, 'rule codes is in POSTERN_ROUTES: change it there'),
    );
    expect((await ask('DELETE', '/routes/default')).status).toBe(409);
    expect((await ask('GET', '/routes/default')).body).toEqual(LAST);
  });

  it('take all mail when that is said, and not because nothing is said', async () => {
    const silent = await ask('PUT', '/routes/all', { to: 'main' });
    expect(silent.body).toEqual(
      problem(422, 'when is missing: for a rule that takes all mail, say {}', [
        { in: 'body', path: 'when', detail: expect.any(String) },
      ]),
    );
    expect((await ask('GET', '/routes/all')).status).toBe(404);
    expect(await ask('PUT', '/routes/all', { when: {}, to: 'main' })).toMatchObject({
      status: 201,
      body: { when: {} },
    });
  });

  it('with the name of one of the settings stand in for that one, and say so, until they are removed', async () => {
    const byHand = { name: 'codes', when: {}, to: ['main'], source: 'by hand', note: expect.any(String) };
    const made = await ask('PUT', '/routes/codes', { when: {}, to: 'main' });
    expect(made).toMatchObject({ status: 201, body: byHand });
    expect(made.body.note).toBe('stands in for rule codes of POSTERN_ROUTES, which holds again once this is removed');
    expect((await ask('GET', '/routes')).body.items).toEqual([byHand, LAST]);
    expect((await ask('GET', '/routes/codes')).body).toEqual(byHand);
    expect((await ask('DELETE', '/routes/codes')).status).toBe(204);
    expect((await ask('GET', '/routes/codes')).body).toEqual(CODES);
    expect((await ask('DELETE', '/routes/codes')).status).toBe(409);
  });

  it('are asked which one holds for a message', async () => {
    const question = { from: 'shop@example.com', to: 'friend@example.net' };
    expect((await ask('POST', '/routes/test', question)).body).toEqual(LAST);
    expect((await ask('POST', '/routes/test', { ...question, tags: ['otp'] })).body).toEqual(CODES);
    await ask('PUT', '/routes/apps', { when: { credential: 'app' }, to: 'main' });
    expect((await ask('POST', '/routes/test', { ...question, credential: 'app' })).body).toMatchObject({
      name: 'apps',
    });
    expect((await ask('POST', '/routes/test', { ...question, credential: 'nobody' })).body).toMatchObject(
      problem(422, 'there is no credential nobody', [
        { in: 'body', path: 'credential', detail: 'there is no credential nobody' },
      ]),
    );
    expect((await ask('POST', '/routes/test', { ...question, from: 'nobody' })).body).toMatchObject({
      errors: [{ path: 'from', detail: 'is no address' }],
    });
    expect((await ask('POST', '/routes/test', { from: 'a@x.example' })).body).toMatchObject({
      errors: [{ path: 'to' }],
    });
  });
});

describe('upstreams', () => {
  afterEach(() => ask('POST', '/upstreams/main/close'));

  it('are listed with what is known of each, without passwords', async () => {
    const { status, body } = await ask('GET', '/upstreams');
    expect(status).toBe(200);
    expect(
      body.items.map(({ name, kind, circuit }: { name: string; kind: string; circuit: { state: string } }) => [
        name,
        kind,
        circuit.state,
      ]),
    ).toEqual([
      ['main', 'smtp', 'closed'],
      ['dead', 'smtp', expect.any(String)],
    ]);
    expect(body.items[1]).toMatchObject({ user: 'u', host: '127.0.0.1', port: 1, fallbacks: [] });
    expect(JSON.stringify(body)).not.toContain('hunter2');
    expect((await ask('GET', '/upstreams/dead')).body).toEqual(body.items[1]);
    expect((await ask('GET', '/upstreams/other')).body).toEqual(
      problem(404, 'there is no upstream other: there are main, dead (POSTERN_UPSTREAMS)'),
    );
  });

  it('are tested: whether mail would get there, and where it would end', async () => {
    expect((await ask('POST', '/upstreams/main/test')).body).toMatchObject({ name: 'main', ok: true });
    expect(await ask('POST', '/upstreams/dead/test')).toMatchObject({
      status: 200,
      body: { name: 'dead', ok: false, detail: expect.stringMatching(/127\.0\.0\.1:1, at connect: .*ECONNREFUSED/) },
    });
    expect((await ask('POST', '/upstreams/other/test')).status).toBe(404);
  });

  it('are opened by hand, for a time and with a reason, and closed; the event says by whom', async () => {
    const opened = await ask('POST', '/upstreams/main/open', { reason: 'moving', for: '2h' });
    expect(opened).toMatchObject({ status: 200, body: { upstream: 'main', state: 'open-by-hand' } });
    expect((await ask('GET', '/upstreams/main')).body.circuit).toMatchObject({
      ...{ state: 'open', cause: 'by-hand', reason: 'moving', by: 'token tests', until: opened.body.until },
    });
    const close = () => ask('POST', '/upstreams/main/close');
    expect((await close()).body).toEqual({ upstream: 'main', state: 'closed', wasOpen: true });
    expect((await close()).body).toEqual({ upstream: 'main', state: 'closed', wasOpen: false });
    const events = await gateway.rows<{ kind: string; by: string }>(
      `select kind, data->>'by' as by from events where topic = 'upstream:main' and data->>'cause' = 'by-hand'
       order by event_id`,
    );
    expect(events.slice(-2)).toEqual([
      { kind: 'upstream-down', by: 'token tests' },
      { kind: 'upstream-up', by: 'token tests' },
    ]);
  });

  it('are opened until somebody closes them when nothing is said', async () => {
    expect((await ask('POST', '/upstreams/main/open')).body).toMatchObject({ until: null });
    expect((await ask('POST', '/upstreams/main/open', {})).body).toMatchObject({ until: null });
  });

  it.each([
    [{ for: 'soon' }, 'for'],
    [{ for: '0s' }, 'for'],
    [{ for: '366d' }, 'for'],
    [{ for: 7 }, 'for'],
    [{ reason: 'x'.repeat(501) }, 'reason'],
    [{ until: 'tomorrow' }, 'until'],
    [[], ''],
  ])('are not opened with %j', async (body, path) => {
    const answer = await ask('POST', '/upstreams/main/open', body);
    expect([answer.status, answer.body.errors.map((one: { path: string }) => one.path)]).toEqual([422, [path]]);
    expect((await ask('GET', '/upstreams/main')).body.circuit.state).toBe('closed');
  });
});

describe('explain/reply', () => {
  const explain = (query: Record<string, string>) => ask('GET', `/explain/reply?${new URLSearchParams(query)}`);

  it('says who is at fault, by which rule, and what follows', async () => {
    const { body } = await explain({ reply: '550 5.1.1 User unknown', stage: 'rcpt' });
    expect(body.items).toMatchObject([{ stage: 'rcpt', scope: 'recipient', rule: 'no-such-user', opens: false }]);
    const usual = await explain({ reply: '454 Throttling failure: Maximum sending rate exceeded', provider: 'ses' });
    expect(usual.body.items.map(({ stage, slows }: { stage: string; slows: boolean }) => [stage, slows])).toEqual(
      ['mail', 'rcpt', 'data', 'final'].map(stage => [stage, true]),
    );
  });

  it.each<[Record<string, string>, string]>([
    [{}, 'reply'],
    [{ reply: '250 ok' }, 'reply'],
    [{ reply: '550 no', stage: 'lunch' }, 'stage'],
    [{ reply: '550 no', upstream: 'other' }, 'upstream'],
    [{ reply: '550 no', provider: 'acme' }, 'provider'],
    [{ reply: '550 no', verbose: 'yes' }, 'verbose'],
  ])('of %j is 422', async (query, path) => {
    const { body } = await explain(query);
    expect(body).toMatchObject({ status: 422, errors: [{ in: 'query', path }] });
  });
});

describe('whatever is asked', () => {
  it('is 404 in a problem document where nothing is', async () => {
    expect((await ask('GET', '/nothing')).body).toEqual(problem(404, 'no such page: /api/v1/nothing'));
    expect((await ask('GET', '/routes/nothing')).body).toEqual(problem(404, 'there is no rule nothing'));
  });

  it('is 405 with what is allowed where another method is', async () => {
    const answer = await ask('PATCH', '/routes/bulk', { when: {}, to: 'main' });
    expect(answer.body).toEqual(problem(405, 'only GET, HEAD, PUT, DELETE'));
    expect(answer.headers.get('allow')).toBe('GET, HEAD, PUT, DELETE');
    expect((await ask('DELETE', '/routes')).headers.get('allow')).toBe('GET, HEAD');
    expect((await ask('PUT', '/upstreams/main/open', '{')).status).toBe(405);
  });

  it('is 413 beyond 64 KB, 415 when it is no JSON, 400 when it cannot be read', async () => {
    const put = (body: string, headers = {}) => ask('PUT', '/routes/x', body, headers);
    expect((await put(JSON.stringify({ to: 'x'.repeat(65_536) }))).body).toEqual(problem(413, expect.any(String)));
    expect((await put('to=main', { 'content-type': 'application/x-www-form-urlencoded' })).body).toEqual(
      problem(415, expect.any(String)),
    );
    expect((await put('{}', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await put('{"to":')).body).toEqual(problem(400, 'the body cannot be read as JSON'));
    expect((await put('{"to":"main","__proto__":{"x":1}}')).status).toBe(400);
    expect((await put('{"to":"main","constructor":{"prototype":{"x":1}}}')).status).toBe(400);
    expect((await put('')).status).toBe(422);
    expect((await ask('GET', '/routes/%ZZ')).status).toBe(400);
  });

  it.each<[string, string, unknown, string]>([
    ['PUT', '/routes/x', [], 'the body is not made of when, to, before'],
    ['PUT', '/routes/x', 'null', 'the body is not made of when, to, before'],
    ['PUT', '/routes/x', { when: [], to: 'main' }, 'when is no object'],
    [
      'PUT',
      '/routes/default',
      { when: {}, to: 7 },
      'name may not be default: that is what holds without a rule; to is no text',
    ],
    [
      ...(['PUT', '/routes/x', { to: 'main + moon, sun', when: { tag: '' } }] as const),
      'when.tag.0 is empty; to names moon, which is no upstream: there are main, dead (POSTERN_UPSTREAMS); ' +
        'to names sun, which is no upstream: there are main, dead (POSTERN_UPSTREAMS)',
    ],
    ['POST', '/upstreams/main/open', [], 'the body is no object'],
    [
      ...(['POST', '/upstreams/main/open', { rason: 'x', fro: '2h', for: 'soon' }] as const),
      'for is a duration of at most a year: 30m, 2h, 7d; ' +
        'rason is not known here (known: reason, for); fro is not known here (known: reason, for)',
    ],
    [
      ...(['POST', '/routes/test', { from: 'x', to: 'y', stream: 'z' }] as const),
      'from is no address; to is no address; stream is none of transactional, bulk',
    ],
    ['POST', '/routes/test', {}, 'from is missing; to is missing'],
    [
      ...(['POST', '/routes/test', { from: 'a@x.example', to: 'b@x.example', tags: 'otp', credential: 7 }] as const),
      'tags is no list; credential is no text',
    ],
    [
      ...(['POST', '/routes/test', { from: 'a@x.example', to: 'b@x.example', tags: Array(101).fill('x') }] as const),
      'tags has more than 100 entries',
    ],
    [
      ...(['GET', '/explain/reply?stage=foo&provider=nope&upstream=nope', undefined] as const),
      'reply is missing; stage is none of connect, tls, banner, ehlo, auth, mail, rcpt, data, content, final; ' +
        'upstream is no upstream: there are main, dead (POSTERN_UPSTREAMS); provider is none of ',
    ],
    ['GET', '/explain/reply?reply=550&reply=551', undefined, 'reply is there more than once'],
    ['GET', '/explain/reply?reply=250', undefined, 'reply is no refusal: it begins with 4 or 5, as in 550 5.1.1 User'],
  ])('has all that is wrong with it named, in our words: %s %s %j', async (method, path, body, detail) => {
    const answer = await ask(method, path, body);
    expect(answer.body.detail.slice(0, detail.length)).toBe(detail);
    expect(answer.body.status).toBe(422);
    if (!detail.endsWith(' ')) expect(answer.body.errors).toHaveLength(answer.body.detail.split('; ').length);
  });

  it('is answered for nobody else to keep, frame or guess at', async () => {
    const { headers } = await ask('GET', '/routes');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect((await ask('GET', '/nothing')).headers.get('cache-control')).toBe('no-store');
  });

  it('is in the log when it changed something, with whoever did it', async () => {
    await ask('PUT', '/routes/logged', { when: {}, to: 'main' });
    await ask('POST', '/routes/test', { from: 'a@x.example', to: 'b@x.example' });
    await ask('PUT', '/routes/logged', { when: {}, to: 'nobody' });
    const changes = gateway.lines.filter(
      ({ event, path }) => event === 'api-action' && /logged$|routes.test$/.test(`${path}`),
    );
    expect(changes).toMatchObject([{ by: 'token tests', method: 'PUT', path: '/api/v1/routes/logged' }]);
  });
});
