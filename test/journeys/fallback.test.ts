// The first upstream cannot: the message goes to the second within the same attempt, and the timeline says why.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postern } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type Attempt, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type Script, ScriptedUpstream } from '../support/upstream.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

type Scene = { first: ScriptedUpstream; second: ScriptedUpstream; gateway: TestGateway };

async function withTwo(script: Script, play: (scene: Scene) => Promise<void>, query = '', login = ''): Promise<void> {
  const first = await ScriptedUpstream.start(script);
  const second = await ScriptedUpstream.start();
  // What the last scene found out of its upstreams of these names.
  await database.rows('delete from slowdowns');
  await database.rows('delete from circuits');
  const upstreams = `${first.url(`name=first${query}`, login)},${second.url('name=second')}`;
  const gateway = await startTestGateway(
    { POSTERN_UPSTREAMS: upstreams, POSTERN_UPSTREAM_TIMEOUT: '1s' },
    { database },
  );
  try {
    await play({ first, second, gateway });
  } finally {
    await gateway.end();
    await Promise.all([first.stop(), second.stop()]);
  }
}

describe('another upstream takes the message at once', () => {
  it.each<[string, Script, Partial<Attempt>, string?, string?]>([
    [
      'refuses the connection in words',
      { banner: '554 5.7.1 not you' },
      { result: 'refused', stage: 'banner', scope: 'upstream' },
    ],
    ['is too busy', { banner: '421 4.3.2 busy' }, { result: 'refused', stage: 'banner', smtp_code: 421 }],
    ['says nothing', { banner: 'HANG' }, { result: 'unreachable', stage: 'banner' }],
    ['closes', { banner: 'CLOSE' }, { result: 'unreachable', stage: 'banner' }],
    ['greets with garbage', { banner: { raw: 'hello\r\n' } }, { result: 'unreachable', stage: 'banner' }],
    ['has no TLS', {}, { result: 'unreachable', stage: 'tls' }, '&tls=required'],
    ['breaks the handshake', { startTls: 'garbage' }, { result: 'unreachable', stage: 'tls' }, '&tls=required'],
    [
      'has a certificate that nobody vouches for',
      { startTls: 'works' },
      { result: 'unreachable', stage: 'tls' },
      '&tls=verify',
    ],
    ['injects replies into STARTTLS', { startTls: 'inject' }, { result: 'unreachable', stage: 'tls' }, '&tls=required'],
    [
      'refuses our login',
      { auth: { user: 'me', password: 'pw' } },
      { result: 'refused', stage: 'auth', scope: 'upstream', smtp_code: 535 },
      '&tls=none',
      'me:no@',
    ],
    [
      'has suspended our account',
      { mail: '554 5.7.1 Account suspended' },
      { result: 'refused', stage: 'mail', scope: 'upstream' },
    ],
    [
      'is out of room',
      { mail: '452 4.3.1 Insufficient system storage' },
      { result: 'refused', stage: 'mail', scope: 'upstream' },
    ],
    [
      'does not relay for us',
      { rcpt: { '*': '554 5.7.1 Relay access denied' } },
      { result: 'refused', stage: 'rcpt', scope: 'upstream' },
    ],
    [
      'is over its quota',
      { final: '454 Throttling failure: Daily message quota exceeded' },
      { result: 'refused', stage: 'final', scope: 'upstream' },
    ],
    [
      'goes away after the message',
      { final: '421 4.3.2 going down' },
      { result: 'refused', stage: 'final', smtp_code: 421 },
    ],
    ['closes at MAIL', { mail: 'CLOSE' }, { result: 'unreachable', stage: 'mail' }],
    ['closes at DATA', { data: 'CLOSE' }, { result: 'unreachable', stage: 'data' }],
  ])('when the first one %s', async (_name, script, expected, query, login) => {
    await withTwo(
      script,
      async ({ first, second, gateway }) => {
        const id = await gateway.submit('a@x.example');
        await gateway.reaches(id, 'delivered');
        expect(second.messages).toHaveLength(1);
        expect(first.messages).toEqual([]);
        expect(await gateway.attempts(id)).toMatchObject([
          { attempt: 1, hop: 0, upstream: 'first', ...expected, decision: expect.stringMatching(/^next upstream: /) },
          { attempt: 1, hop: 1, upstream: 'second', result: 'accepted', decision: 'delivered: accepted-by-upstream' },
        ]);
        expect(await gateway.events(id)).toEqual(['accepted', 'attempt-failed 0', 'delivered 0']);
      },
      query,
      login,
    );
  });

  it('when nobody listens at the first one, which is then passed over until it is back', async () => {
    await withTwo({}, async ({ first, second, gateway }) => {
      await first.stop();
      const one = await gateway.submit('a@x.example');
      await gateway.reaches(one, 'delivered');
      expect(await gateway.attempts(one)).toMatchObject([
        { result: 'unreachable', stage: 'connect' },
        { result: 'accepted' },
      ]);
      const other = await gateway.submit('a@x.example');
      await gateway.reaches(other, 'delivered');
      expect(await gateway.attempts(other)).toMatchObject([
        { upstream: 'first', result: 'skipped', detail: expect.stringMatching(/^down for .*ECONNREFUSED/) },
        { upstream: 'second', result: 'accepted' },
      ]);
      expect(second.messages).toHaveLength(2);
      await first.listen();
      await expect
        .poll(
          async () => {
            const id = await gateway.submit('a@x.example');
            await gateway.reaches(id, 'delivered');
            return first.messages.length;
          },
          { timeout: 15_000 },
        )
        .toBeGreaterThan(0);
    });
  });

  it('only for the recipients that need it', async () => {
    await withTwo(
      { rcpt: { 'b@x.example': '554 5.7.1 Relay access denied', 'c@x.example': '550 5.1.1 nobody' } },
      async ({ first, second, gateway }) => {
        const id = await gateway.submit(['a@x.example', 'b@x.example', 'c@x.example']);
        await gateway.reaches(id, 'delivered', 'failed');
        expect(first.messages.map(({ rcpts }) => rcpts)).toEqual([['RCPT TO:<a@x.example>']]);
        expect(second.messages.map(({ rcpts }) => rcpts)).toEqual([['RCPT TO:<b@x.example>']]);
        expect((await gateway.deliveries(id)).map(({ state }) => state)).toEqual(['delivered', 'delivered', 'failed']);
      },
    );
  });
});

it('is counted by who was at fault, by domain and by route, and the timeline names the rule', async () => {
  const first = await ScriptedUpstream.start({ mail: '554 5.7.1 Account suspended' });
  const second = await ScriptedUpstream.start();
  const rule = { name: 'shop', when: { 'sender-domain': 'example.com' }, to: 'first, second' };
  const settings = {
    POSTERN_UPSTREAMS: `${first.url('name=first')},${second.url('name=second')}`,
    POSTERN_ROUTES: JSON.stringify([rule]),
  };
  const own = await cloneDatabase();
  const gateway = await startTestGateway(settings, { database: own });
  const id = await gateway.submit('a@X.example');
  await gateway.reaches(id, 'delivered');
  const metrics = await (await gateway.http('/metrics')).text();
  for (const line of [
    'postern_attempts_total{upstream="first",result="refused",stage="mail",scope="upstream"} 1',
    'postern_attempts_total{upstream="second",result="accepted",stage="final",scope="none"} 1',
    'postern_recipient_domain_attempts_total{domain="x.example",result="refused"} 1',
    'postern_recipient_domain_attempts_total{domain="x.example",result="accepted"} 1',
    'postern_fallback_deliveries_total{route="shop",upstream="second"} 1',
    'postern_circuit_open{upstream="first",cause="account-closed"} 1',
    'postern_upstream_up{upstream="first"} 0',
  ])
    expect(metrics).toContain(`${line}\n`);
  const shown = await postern({ ...settings, DATABASE_URL: own.url }, 'message', 'show', id);
  expect(shown.stdout).toMatch(/ {2}accepted, by route shop$/m);
  await gateway.end();
  await Promise.all([first.stop(), second.stop(), own.drop()]);
});

describe('no other upstream is tried', () => {
  it.each<[string, Script, string]>([
    ['nobody of that name', { rcpt: { '*': '550 5.1.1 nobody' } }, 'failed'],
    ['greylisted', { rcpt: { '*': '450 4.7.1 greylisted' } }, 'queued'],
    ['the content is refused', { final: '554 5.6.0 content' }, 'failed'],
    ['the message is too large', { mail: '552 5.3.4 too large' }, 'failed'],
    ['the sender fails DMARC', { final: '550 5.7.26 DMARC' }, 'failed'],
  ])('when %s', async (_name, script, state) => {
    await withTwo(script, async ({ second, gateway }) => {
      const id = await gateway.submit('a@x.example');
      await gateway.settled(id);
      expect(await gateway.deliveries(id)).toMatchObject([{ state }]);
      expect(await gateway.attempts(id)).toHaveLength(1);
      expect(second.connections).toBe(0);
    });
  });

  it.each<[string, Script]>([
    ['the connection ends after the last dot', { final: ['CLOSE', '250 2.0.0 ok'] }],
    ['no reply comes after the last dot', { final: ['HANG', '250 2.0.0 ok'] }],
    ['garbage comes after the last dot', { final: [{ raw: '\0\r\n' }, '250 2.0.0 ok'] }],
  ])('when %s: it may have been delivered, and is tried again there', async (_name, script) => {
    await withTwo(script, async ({ first, second, gateway }) => {
      const id = await gateway.submit('a@x.example');
      await gateway.settled(id);
      const [waiting] = await gateway.deliveries(id);
      expect(waiting).toMatchObject({ state: 'queued', reason: 'may-have-been-delivered', pinned_upstream: 'first' });
      expect(waiting!.due_in_s).toBeGreaterThan(45);
      // The upstream is believed to be down until a look at it was answered; then the message is due again.
      await eventually(async () => {
        await gateway.makeDue(id);
        expect(await gateway.deliveries(id)).toMatchObject([{ state: 'delivered' }]);
      }, 20_000);
      expect(second.connections).toBe(0);
      const contents = first.messages.map(({ content }) => content.toString());
      expect(new Set(contents).size).toBe(1);
      expect(
        (await gateway.attempts(id))
          .filter(({ result }) => result !== 'skipped')
          .every(({ upstream }) => upstream === 'first'),
      ).toBe(true);
    });
  });
});
