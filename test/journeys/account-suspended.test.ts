// The first upstream has suspended our account: one message finds out, the others do not ask, and people can see why.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCircuits } from '../../src/store/circuits.ts';
import { postern } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

const PAUSED = '554 Message rejected: Sending paused for this account.';

it('is asked once, passed over from then on, and listed with the reason until it is believed again', async () => {
  const first = await ScriptedUpstream.start({ final: PAUSED });
  const second = await ScriptedUpstream.start();
  const settings = { POSTERN_UPSTREAMS: `${first.url('name=first')},${second.url('name=second')}` };
  const gateway = await startTestGateway(settings, { database });
  const one = await gateway.submit('a@x.example');
  await gateway.reaches(one, 'delivered');
  expect(await gateway.attempts(one)).toMatchObject([
    { upstream: 'first', scope: 'upstream', decision: 'next upstream: upstream-refused-at-final (ses-sending-paused)' },
    { upstream: 'second', result: 'accepted' },
  ]);
  const other = await gateway.submit('b@x.example');
  await gateway.reaches(other, 'delivered');
  expect(await gateway.attempts(other)).toMatchObject([
    { upstream: 'first', result: 'skipped', detail: expect.stringContaining('Sending paused for this account') },
    { upstream: 'second', result: 'accepted' },
  ]);
  await eventually(async () => {
    expect(await readCircuits(database.pool)).toMatchObject([
      { upstream: 'first', cause: 'account-closed', openedBy: expect.any(String), reason: PAUSED },
    ]);
  });
  const events = await database.rows(`select kind, topic, data from events where topic is not null order by event_id`);
  expect(events).toMatchObject([
    {
      ...{ kind: 'upstream-down', topic: 'upstream:first' },
      data: { cause: 'account-closed', rule: 'ses-sending-paused', reason: PAUSED },
    },
    {
      ...{ kind: 'fallback-began', topic: 'route:default' },
      data: { from: ['first'], to: ['second'], reason: `first: ${PAUSED}` },
    },
  ]);
  const environment = { ...settings, DATABASE_URL: database.url };
  const listed = await postern(environment, 'upstream', 'list');
  expect(listed.stdout).toMatch(
    /^first .* down since [\d -]+[\d:]+: 554 Message rejected: Sending paused for this account\.$/m,
  );
  expect(listed.stdout).toMatch(/^second .* up$/m);
  expect(listed.stdout).toMatch(/^Mail of route default runs on second since .*: first: 554 .*$/m);
  expect((await postern(environment, 'message', 'show', one)).stdout).toContain(
    '→ next upstream: upstream-refused-at-final (ses-sending-paused)',
  );
  await gateway.end();
  // Whoever runs next asks it no sooner.
  const next = await startTestGateway(settings, { database });
  const third = await next.submit('c@x.example');
  await next.reaches(third, 'delivered');
  expect(await next.attempts(third)).toMatchObject([{ upstream: 'first', result: 'skipped' }, { upstream: 'second' }]);
  expect(first.conversations.flat().filter(line => line.startsWith('MAIL'))).toHaveLength(1);
  await next.end();
  await Promise.all([first.stop(), second.stop()]);
});
