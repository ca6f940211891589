// Which mail goes where, by rule: three upstreams over real sockets, each of which keeps what it gets.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadSettings } from '../../src/platform/config.ts';
import { removeRoute, setRoute } from '../../src/store/routes.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway, testEnvironment } from '../support/gateway.ts';
import { type Received, ScriptedUpstream } from '../support/upstream.ts';

const ROUTES = [
  { name: 'codes', when: { tag: 'otp' }, to: 'third' },
  { name: 'gmail', when: { 'recipient-domain': ['gmail.com', '*.gmail.com'] }, to: 'second, first' },
  { name: 'bulk', when: { stream: 'bulk', 'sender-domain': 'news.example' }, to: 'third, second' },
];

let database: TestDatabase;
let upstreams: ScriptedUpstream[];
let gateway: TestGateway;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  upstreams = await Promise.all([1, 2, 3].map(() => ScriptedUpstream.start()));
  gateway = await startTestGateway(environment(), { database });
});
afterEach(async () => {
  await gateway.end();
  await Promise.all(upstreams.map(upstream => upstream.stop()));
  await database.rows('delete from routes');
  await database.rows('delete from circuits');
});

function environment(routes: object[] = ROUTES): Record<string, string> {
  const names = ['first', 'second', 'third'];
  return {
    POSTERN_UPSTREAMS: upstreams.map((upstream, i) => upstream.url(`name=${names[i]}`)).join(','),
    POSTERN_ROUTES: JSON.stringify(routes),
    POSTERN_UPSTREAM_TIMEOUT: '2s',
  };
}

const rcpts = ({ messages }: ScriptedUpstream) => messages.flatMap((message: Received) => message.rcpts).map(addressIn);
const addressIn = (rcpt: string) => /<(.*)>/.exec(rcpt)![1]!;
const mail = (fields = '') => `${fields}From: Shop <shop@example.com>\r\nSubject: hello\r\n\r\nhello\r\n`;

async function send(to: string | string[], content = mail()): Promise<string> {
  const id = await gateway.submit(to, content);
  await gateway.reaches(id, 'delivered');
  return id;
}

describe('mail takes', () => {
  it('the first upstream where no rule is for it', async () => {
    await send('a@example.net');
    expect(upstreams.map(rcpts)).toEqual([['a@example.net'], [], []]);
  });

  it('that of the rule for its tag, its recipient, its stream and sender', async () => {
    await send('code@gmail.com', mail('X-Postern-Tag: otp\r\n'));
    await send('friend@mail.gmail.com');
    await send('reader@example.net', 'X-Postern-Stream: bulk\r\nFrom: n@NEWS.example\r\n\r\nnews\r\n');
    expect(upstreams.map(rcpts)).toEqual([[], ['friend@mail.gmail.com'], ['code@gmail.com', 'reader@example.net']]);
  });

  it('different ways to recipients of different rules, each once', async () => {
    const id = await send(['a@gmail.com', 'b@example.net', 'c@gmail.com']);
    expect(upstreams.map(rcpts)).toEqual([['b@example.net'], ['a@gmail.com', 'c@gmail.com'], []]);
    expect((await gateway.attempts(id)).map(({ n, upstream }) => [n, upstream])).toEqual([
      [0, 'second'],
      [1, 'first'],
      [2, 'second'],
    ]);
  });

  it('the next upstream of its rule, and no other, when one is away', async () => {
    await upstreams[1]!.stop();
    await send('a@gmail.com');
    expect(upstreams.map(rcpts)).toEqual([['a@gmail.com'], [], []]);
  });
});

describe('while all upstreams of a rule are away', () => {
  it('its mail waits for them, that of other rules goes on, and it comes when one is back', async () => {
    await upstreams[2]!.stop();
    const waiting = await Promise.all(
      [1, 2, 3].map(i => gateway.submit(`code${i}@example.net`, mail('X-Postern-Tag: otp\r\n'))),
    );
    await eventually(async () => {
      const parked = await gateway.rows(
        `select 1 from deliveries where parked and waits_for = 'codes' and lease_holder is null`,
      );
      expect(parked).toHaveLength(3);
    });
    await send('friend@example.net');
    await gateway.rows('update deliveries set due_at = now() where parked');
    await send('other@example.net');
    expect((await gateway.deliveries(waiting[0]!))[0]!.attempt).toBeLessThanOrEqual(2);
    await upstreams[2]!.listen();
    for (const id of waiting) await gateway.reaches(id, 'delivered');
    expect(rcpts(upstreams[2]!).toSorted()).toEqual(['code1@example.net', 'code2@example.net', 'code3@example.net']);
    expect(rcpts(upstreams[0]!)).toEqual(['friend@example.net', 'other@example.net']);
  });

  it('its mail takes another way at once, when a rule gives it one', async () => {
    await upstreams[2]!.stop();
    const id = await gateway.submit('code@example.net', mail('X-Postern-Tag: otp\r\n'));
    await eventually(async () => expect((await gateway.deliveries(id))[0]).toMatchObject({ parked: true }));
    await setRoute(database.pool, { name: 'emergency', rule: { to: 'second' }, before: null });
    await gateway.reaches(id, 'delivered');
    expect(rcpts(upstreams[1]!)).toEqual(['code@example.net']);
  });

  it('what may have been delivered is not handed to another one at once, though nobody is there', async () => {
    upstreams[0]!.script.final = ['CLOSE', '250 2.0.0 ok'];
    const id = await gateway.submit('a@example.net');
    await eventually(async () => {
      expect((await gateway.attempts(id)).map(({ result }) => result)).toEqual(['uncertain']);
      expect((await gateway.deliveries(id))[0]!.lease_holder).toBeNull();
    });
    await eventually(async () => {
      await send('friend@example.net');
      expect(upstreams[0]!.messages.length).toBeGreaterThan(1);
    });
    await upstreams[0]!.stop();
    await gateway.makeDue(id);
    await eventually(async () => {
      expect((await gateway.attempts(id)).map(({ upstream, result }) => [upstream, result])).toEqual([
        ['first', 'uncertain'],
        ['first', 'unreachable'],
      ]);
      expect((await gateway.deliveries(id))[0]!.lease_holder).toBeNull();
    });
    const [delivery] = await gateway.deliveries(id);
    expect(delivery).toMatchObject({ state: 'queued', parked: false });
    expect(delivery!.due_in_s).toBeGreaterThan(30);
  });

  it('what may have been delivered is tried there again, whatever the rules say by then', async () => {
    upstreams[2]!.script.final = 'CLOSE';
    const id = await gateway.submit('code@example.net', mail('X-Postern-Tag: otp\r\n'));
    await eventually(async () => {
      expect((await gateway.attempts(id)).map(({ result }) => result)).toEqual(['uncertain']);
      expect((await gateway.deliveries(id))[0]!.lease_holder).toBeNull();
    });
    await setRoute(database.pool, { name: 'all', rule: { to: 'first' }, before: null });
    await eventually(async () => {
      await send('other@gmail.com');
      expect(rcpts(upstreams[0]!)).toContain('other@gmail.com');
    });
    upstreams[2]!.script.final = '250 2.0.0 ok';
    await gateway.makeDue(id);
    await gateway.reaches(id, 'delivered');
    expect((await gateway.attempts(id)).map(({ upstream }) => upstream)).toEqual(['third', 'third']);
  });
});

describe('without a restart', () => {
  it('a rule set by hand holds before those of the settings, until it is removed', async () => {
    await setRoute(database.pool, {
      name: 'gmail-now',
      rule: { when: { 'recipient-domain': 'gmail.com' }, to: 'third' },
      before: null,
    });
    await eventually(async () => {
      await send('a@gmail.com');
      expect(rcpts(upstreams[2]!)).toContain('a@gmail.com');
    });
    await removeRoute(database.pool, 'gmail-now');
    const before = upstreams[1]!.messages.length;
    await eventually(async () => {
      await send('b@gmail.com');
      expect(upstreams[1]!.messages.length).toBeGreaterThan(before);
    });
  });

  it('a rule in the database that makes no sense is left out, and the log says so', async () => {
    await setRoute(database.pool, { name: 'broken', rule: { when: { moon: 'full' }, to: 'third' }, before: null });
    await eventually(async () => {
      expect(gateway.lines.find(({ event }) => event === 'route-ignored')).toMatchObject({
        reason: expect.stringMatching(/^broken: .*moon/),
      });
    });
    await send('a@example.net');
    expect(rcpts(upstreams[0]!)).toEqual(['a@example.net']);
  });

  it('what waits for another day of a warm-up takes another way at once, when there is one', async () => {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    const settings = (query: string) =>
      loadSettings({
        ...{ ...testEnvironment(gateway.dataDir), DATABASE_URL: database.url, ...environment([]) },
        POSTERN_UPSTREAMS: `${upstreams[0]!.url(`name=young&warmup=${tomorrow}:50`)}${query}`,
      });
    gateway.gateway.reconfigure(settings(''));
    const id = await gateway.submit('a@example.net');
    const [waiting] = await gateway.deliveries(id);
    expect(waiting).toMatchObject({
      state: 'queued',
      parked: false,
      reason: expect.stringMatching(/^not-now: young: /),
    });
    gateway.gateway.reconfigure(settings(`,${upstreams[1]!.url('name=old')}`));
    await gateway.reaches(id, 'delivered');
    expect(rcpts(upstreams[1]!)).toEqual(['a@example.net']);
  });

  it('other upstreams, rules and lifetimes of the settings are taken over, and mail under way ends where it is', async () => {
    upstreams[0]!.script.final = 'HANG';
    const hanging = await gateway.submit('slow@example.net');
    await eventually(async () => expect(upstreams[0]!.conversations.flat()).toContain('DATA'));
    const fresh = await ScriptedUpstream.start();
    try {
      const env = {
        ...environment([{ name: 'gmail', when: { 'recipient-domain': 'gmail.com' }, to: 'fresh' }]),
        POSTERN_UPSTREAMS: `${fresh.url('name=fresh')},${upstreams[1]!.url('name=second')}`,
        POSTERN_LIFETIMES: '[{"name":"all","max-age":"7m"}]',
        POSTERN_MAX_MESSAGE_SIZE: '1MB',
      };
      gateway.gateway.reconfigure(
        loadSettings({ ...testEnvironment(gateway.dataDir), DATABASE_URL: database.url, ...env }),
      );
      const id = await send('a@gmail.com');
      await send('b@example.net');
      expect(rcpts(fresh)).toEqual(['a@gmail.com', 'b@example.net']);
      const [age] = await gateway.rows<{ s: number }>(
        'select extract(epoch from expires_at - accepted_at)::float as s from messages where message_id = $1',
        id,
      );
      expect(age!.s).toBe(420);
      expect(gateway.lines.find(({ event }) => event === 'restart-needed')).toMatchObject({
        settings: ['POSTERN_MAX_MESSAGE_SIZE'],
      });
      await eventually(async () => {
        expect((await gateway.attempts(hanging)).map(({ upstream, result }) => [upstream, result])).toEqual([
          ['first', 'uncertain'],
        ]);
      });
      // Its upstream is gone for good: another may take it.
      await gateway.settled(hanging);
      await gateway.makeDue(hanging);
      await gateway.reaches(hanging, 'delivered');
      expect(rcpts(fresh)).toContain('slow@example.net');
      const states = (await (await gateway.http('/metrics')).text()).match(/^postern_upstream_up.*$/gm);
      expect(states).toEqual(['postern_upstream_up{upstream="second"} 1', 'postern_upstream_up{upstream="fresh"} 1']);
    } finally {
      await fresh.stop();
    }
  });
});
