// The first upstream has suspended our account: one message finds out, the others do not ask, and people can see why.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listDownUpstreams } from '../../src/store/upstream-changes.ts';
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
    expect(await listDownUpstreams(database.pool)).toMatchObject([
      { upstream: 'first', node: expect.any(String), reason: PAUSED },
    ]);
  });
  const events = await database.rows(`select kind, topic, data from events where topic is not null order by event_id`);
  expect(events).toMatchObject([
    {
      ...{ kind: 'upstream-down', topic: 'upstream:first' },
      data: { cause: 'account-closed', rule: 'ses-sending-paused', reason: PAUSED },
    },
  ]);
  const environment = { ...settings, DATABASE_URL: database.url };
  const listed = await postern(environment, 'upstream', 'list');
  expect(listed.stdout).toMatch(
    /^first .* down since [\d -]+[\d:.]+: 554 Message rejected: Sending paused for this account\.$/m,
  );
  expect(listed.stdout).toMatch(/^second .* up$/m);
  expect((await postern(environment, 'message', 'show', one)).stdout).toContain(
    '→ next upstream: upstream-refused-at-final (ses-sending-paused)',
  );
  await gateway.end();
  // Whoever runs next believes in all of them.
  expect(await listDownUpstreams(database.pool)).toEqual([]);
  await Promise.all([first.stop(), second.stop()]);
});
