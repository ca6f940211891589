// Two gateways over one database: what one finds out of an upstream holds for the other, one of them finds out that it is
// back, by one message, and what happened is told once.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readCircuits } from '../../src/store/circuits.ts';
import { type RunningFallback, readFallbacks } from '../../src/store/fallbacks.ts';
import { postern, printedJson } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

// Two gateways and a command line that starts anew for each command take a while on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let database: TestDatabase;
let ses: ScriptedUpstream;
let postmark: ScriptedUpstream;
let one: TestGateway;
let other: TestGateway;
let environment: Record<string, string>;

beforeEach(async () => {
  database = await cloneDatabase();
  ses = await ScriptedUpstream.start();
  postmark = await ScriptedUpstream.start();
  const settings = { POSTERN_UPSTREAMS: `${ses.url('name=ses')},${postmark.url('name=postmark')}` };
  one = await startTestGateway(settings, { database });
  other = await startTestGateway(settings, { database });
  environment = { ...settings, DATABASE_URL: database.url };
});
afterEach(async () => {
  await one.end();
  await other.end();
  await Promise.all([ses.stop(), postmark.stop()]);
  await database.drop();
});

const metrics = async (gateway: TestGateway) => (await gateway.http('/metrics')).text();
const isUp = async (gateway: TestGateway) => (await metrics(gateway)).includes('postern_upstream_up{upstream="ses"} 1');
const hears = (gateway: TestGateway, up: boolean) =>
  eventually(async () => {
    if ((await isUp(gateway)) !== up) throw new Error(`ses is ${up ? 'down' : 'up'} there`);
  });
const told = () =>
  database.rows<{ kind: string; topic: string; data: Record<string, unknown> }>(
    `select kind, topic, data from events where topic is not null order by event_id`,
  );
const kinds = async () => (await told()).map(({ kind, topic }) => `${kind} ${topic}`);
async function send(gateway: TestGateway): Promise<string> {
  const id = await gateway.submit('a@x.example');
  await gateway.reaches(id, 'delivered');
  return id;
}
const transactions = (upstream: ScriptedUpstream) =>
  upstream.conversations.flat().filter(line => line.startsWith('MAIL')).length;
const run = (...args: string[]) => postern(environment, ...args);

it('one finds out, the other passes it over untried; one message tries it when it is back; all is told once', async () => {
  await ses.stop();
  const found = await send(one);
  expect(await one.attempts(found)).toMatchObject([
    { upstream: 'ses', result: 'unreachable' },
    { upstream: 'postmark' },
  ]);
  await hears(other, false);
  const spared = await send(other);
  expect(await other.attempts(spared)).toMatchObject([
    { upstream: 'ses', result: 'skipped', detail: expect.stringMatching(/^down for .*ECONNREFUSED/) },
    { upstream: 'postmark', result: 'accepted' },
  ]);
  expect(await kinds()).toEqual(['upstream-down upstream:ses', 'fallback-began route:default']);
  expect(await metrics(other)).toContain('postern_route_on_fallback{route="default"} 1');
  expect(await metrics(other)).toContain('postern_fallback_deliveries_total{route="default",upstream="postmark"} 1');

  // It hangs behind the message: whoever sends it holds the trial, and nobody else sends one meanwhile.
  ses.script = { final: ['HANG', '250 2.0.0 ok'] };
  await ses.listen();
  await eventually(async () => {
    for (const gateway of [one, other]) await gateway.submit('a@x.example');
    await eventually(() => expect(transactions(ses)).toBe(1), 500);
  });
  for (let i = 0; i < 5; i += 1) for (const gateway of [one, other]) await send(gateway);
  expect(transactions(ses)).toBe(1);
  const went = await eventually(async () => {
    const [{ deliveries }] = (await readFallbacks(database.pool)) as [RunningFallback];
    expect(deliveries).toBe(postmark.messages.length);
    return deliveries;
  });
  // The trial is lost with its connection: it stays open for both, and is tried again by one message.
  ses.disconnect();
  await eventually(async () => {
    await send(one);
    await send(other);
    expect((await readCircuits(database.pool))[0]).toMatchObject({ failures: 0 });
  });
  await hears(one, true);
  await hears(other, true);
  for (const gateway of [one, other]) {
    const id = await send(gateway);
    expect(await gateway.attempts(id)).toMatchObject([{ upstream: 'ses', result: 'accepted' }]);
  }
  expect(await kinds()).toEqual([
    ...['upstream-down upstream:ses', 'fallback-began route:default'],
    ...['upstream-up upstream:ses', 'fallback-ended route:default'],
  ]);
  const lines = [...one.lines, ...other.lines];
  for (const event of ['fallback-began', 'fallback-ended'])
    expect(lines.filter(line => line.event === event)).toMatchObject([{ route: 'default', from: ['ses'] }]);
  const ended = (await told()).at(-1)!.data;
  expect(ended).toMatchObject({ from: ['ses'], to: ['postmark'] });
  expect(ended.deliveries).toBeGreaterThanOrEqual(went);
  expect(await metrics(other)).toContain('postern_route_on_fallback{route="default"} 0');
});

it('a person opens and closes it for both, and everybody is told', async () => {
  const opened = await run('upstream', 'open', 'ses', '--reason', 'new IP', '--for', '2h');
  expect(opened).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ses is open by hand: .* until 20[\d-]+ /) });
  await hears(one, false);
  await hears(other, false);
  for (const gateway of [one, other]) {
    const id = await send(gateway);
    expect(await gateway.attempts(id)).toMatchObject([
      { upstream: 'ses', result: 'skipped', detail: expect.stringMatching(/^open by hand for .* \(new IP\)$/) },
      { upstream: 'postmark', result: 'accepted' },
    ]);
  }
  expect(ses.connections).toBe(0);
  const listed = (await run('upstream', 'list')).stdout;
  expect(listed).toMatch(/^ses .* open by hand since [\d :-]+ until [\d :-]+ \(\S+@\S+\): new IP$/m);
  expect(listed).toMatch(/^Mail of route default runs on postmark since [\d :-]+: ses: open by hand \(new IP\)$/m);
  expect((await run('queue', 'status')).stdout).toContain('Mail of route default runs on postmark');
  const doctor = await run('doctor');
  expect(doctor.stdout).toMatch(
    /^FAILED {2}upstream +ses: open by hand since .*\n +→ `npx postern upstream close ses`/m,
  );
  expect(doctor.stdout).toMatch(/^FAILED {2}route +Mail of route default runs on postmark/m);
  expect(await printedJson(run('upstream', 'list', '--json'))).toMatchObject([
    { name: 'ses', circuit: { state: 'open', cause: 'by-hand', reason: 'new IP' }, fallbacks: [{ to: ['postmark'] }] },
    { name: 'postmark', circuit: { state: 'closed' }, fallbacks: [] },
  ]);

  expect((await run('upstream', 'close', 'ses')).stdout).toBe('ses may have mail again.\n');
  await hears(one, true);
  await hears(other, true);
  for (const gateway of [one, other])
    expect(await gateway.attempts(await send(gateway))).toMatchObject([{ upstream: 'ses' }]);
  await eventually(async () =>
    expect(await kinds()).toEqual([
      ...['upstream-down upstream:ses', 'fallback-began route:default'],
      ...['upstream-up upstream:ses', 'fallback-ended route:default'],
    ]),
  );
  expect((await told())[0]!.data).toMatchObject({ cause: 'by-hand', by: expect.stringContaining('@') });
  expect((await run('upstream', 'close', 'ses')).stdout).toBe('ses was not open: nothing to close.\n');
});

it('by hand it closes when its time is over', async () => {
  await run('upstream', 'open', 'ses', '--for', '2h');
  await hears(one, false);
  await database.rows(`update circuits set open_until = now()`);
  await hears(one, true);
  await hears(other, true);
  expect((await told()).filter(({ topic }) => topic === 'upstream:ses')).toMatchObject([
    { kind: 'upstream-down' },
    { kind: 'upstream-up', data: { cause: 'time-over' } },
  ]);
});

it('what cannot be opened or closed is refused with a word', async () => {
  const refused = async (args: string[], said: RegExp, code = 1) =>
    expect(await run('upstream', ...args)).toMatchObject({ code, stderr: expect.stringMatching(said) });
  await refused(['open', 'sess'], /there is no upstream sess: there are ses, postmark/);
  await refused(['close', 'sess'], /there is no upstream sess/);
  await refused(['open', 'ses', '--for', 'ever'], /--for is a duration/, 2);
  expect(await readCircuits(database.pool)).toEqual([]);
});

it('what waits for no upstream but this one goes out when a person closes it', async () => {
  await run('upstream', 'open', 'ses');
  await run('upstream', 'open', 'postmark');
  await hears(one, false);
  await eventually(async () => expect(await metrics(one)).toContain('postern_upstream_up{upstream="postmark"} 0'));
  const id = await one.submit('a@x.example');
  expect(await one.deliveries(id)).toMatchObject([{ state: 'queued', parked: true }]);
  expect((await run('upstream', 'list')).stdout).toContain(
    'Mail of route default waits: nobody behind its first group',
  );
  await run('upstream', 'close', 'postmark');
  await one.reaches(id, 'delivered');
  expect(postmark.messages).toHaveLength(1);
});
