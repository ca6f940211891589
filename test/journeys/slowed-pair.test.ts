// A receiver asks for less: its mail waits for turns, or takes another way where there is one; other mail does not notice.
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type Script, ScriptedUpstream } from '../support/upstream.ts';

/** Not of the upstream itself, whose circuit it would open. */
const SLOWER = '450 4.7.28 Our system has detected an unusual rate of mail';

let upstreams: ScriptedUpstream[] = [];
let gateway: TestGateway;

afterEach(async () => {
  await gateway.end();
  await Promise.all(upstreams.map(upstream => upstream.stop()));
});

async function start(...scripts: Script[]): Promise<void> {
  upstreams = await Promise.all(scripts.map(script => ScriptedUpstream.start(script)));
  const urls = upstreams.map((upstream, i) => upstream.url(`name=${['first', 'second'][i]}`));
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: urls.join(',') });
}

const deliveryOf = async (id: string) => (await gateway.deliveries(id))[0]!;

it('its mail waits for a turn of its own, without that counting as an attempt', async () => {
  await start({ rcpt: { 'first@slow.example': SLOWER } });
  const refused = await gateway.submit('first@slow.example');
  await gateway.settled(refused);
  // One may go, then those behind it wait.
  const ids: string[] = [];
  for (let i = 0; i < 5; i += 1) ids.push(await gateway.submit(`a${i}@slow.example`));
  await eventually(async () => {
    const last = await deliveryOf(ids.at(-1)!);
    expect(last).toMatchObject({ state: 'queued', lease_holder: null, counted: 0 });
    expect(last.reason).toMatch(/^slowed to [\d.]+\/(s|min) for slow\.example at first since .*\(450 4\.7\.28/);
    expect(last.due_in_s).toBeGreaterThan(5);
  });
  const other = await gateway.submit('friend@quick.example');
  await gateway.reaches(other, 'delivered');
  expect(await gateway.rows(`select data ->> 'domain' as domain from events where kind = 'pair-slowed'`)).toEqual([
    { domain: 'slow.example' },
  ]);
});

it('what is too much for it takes the next upstream of the route, and the timeline says why', async () => {
  await start({ rcpt: { 'first@slow.example': SLOWER } }, {});
  const refused = await gateway.submit('first@slow.example');
  await gateway.settled(refused);
  const ids: string[] = [];
  for (let i = 0; i < 5; i += 1) ids.push(await gateway.submit(['friend@quick.example', `a${i}@slow.example`]));
  for (const id of ids) await gateway.reaches(id, 'delivered');
  const ways = (await Promise.all(ids.map(id => gateway.attempts(id)))).flat().filter(({ n }) => n === 1);
  expect(ways.some(({ upstream, result }) => upstream === 'second' && result === 'accepted')).toBe(true);
  const passedOver = ways.find(({ result }) => result === 'skipped');
  expect(passedOver).toMatchObject({ upstream: 'first', hop: 0 });
  expect(passedOver!.detail).toMatch(/^slowed to /);
});

it('it is told apart from the mail to others of one message', async () => {
  await start({ rcpt: { 'first@slow.example': SLOWER } });
  await gateway.settled(await gateway.submit('first@slow.example'));
  for (let i = 0; i < 3; i += 1) await gateway.submit(`a${i}@slow.example`);
  const both = await gateway.submit(['b@slow.example', 'friend@quick.example']);
  await eventually(async () => {
    const [slow, quick] = await gateway.deliveries(both);
    expect(quick!.state).toBe('delivered');
    expect(slow!.reason).toMatch(/^slowed to /);
  });
});

it('what may have been delivered there waits for its turn there, and goes nowhere else', async () => {
  await start({ final: ['CLOSE', '250 2.0.0 ok'] }, {});
  const uncertain = await gateway.submit('a@slow.example');
  await eventually(async () => expect((await deliveryOf(uncertain)).reason).toBe('may-have-been-delivered'));
  // Its circuit is closed again by the first that is taken.
  await eventually(async () => {
    await gateway.reaches(await gateway.submit('friend@quick.example'), 'delivered');
    expect(upstreams[0]!.messages.length).toBeGreaterThan(1);
  });
  await gateway.rows(
    `insert into slowdowns (upstream, domain, rate, ceiling, reason, free_at)
     values ('first', 'slow.example', 0.0001, 0.001, 'as another process heard', now() + interval '10 minutes')`,
  );
  await eventually(async () => {
    const id = await gateway.submit('b@slow.example');
    await gateway.reaches(id, 'delivered');
    expect((await gateway.attempts(id)).map(({ upstream }) => upstream)).toEqual(['first', 'second']);
  });
  await gateway.makeDue(uncertain);
  await eventually(async () => {
    expect(await deliveryOf(uncertain)).toMatchObject({
      pinned_upstream: 'first',
      lease_holder: null,
      reason: expect.stringMatching(/^slowed to /),
    });
  });
  expect((await gateway.attempts(uncertain)).map(({ upstream }) => upstream)).toEqual(['first']);
});
