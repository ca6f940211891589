// A gateway ends, cleanly or not, and the next run takes up what it left.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MessageId } from '../../src/mail/submission.ts';
import { createDatabase } from '../../src/platform/postgres.ts';
import { controlDeliveries } from '../../src/store/control.ts';
import { putSuppressions } from '../../src/store/suppressions.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let database: TestDatabase;
let dataDir: string;
let upstream: ScriptedUpstream;
beforeEach(async () => {
  database = await cloneDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'restart-'));
  upstream = await ScriptedUpstream.start();
});
afterEach(async () => {
  await upstream.stop();
  await database.drop();
  await rm(dataDir, { recursive: true });
});
const run = (env: Record<string, string> = {}) =>
  startTestGateway(
    { POSTERN_UPSTREAMS: upstream.url('name=main'), POSTERN_UPSTREAM_TIMEOUT: '60s', ...env },
    { database, dataDir },
  );

it('a clean stop lets an attempt end, and delivers nothing twice', async () => {
  upstream.script = { final: 'HANG' };
  const first = await run();
  const id = await first.submit('a@x.example');
  await eventually(() => expect(upstream.messages).toHaveLength(1));
  const stopped = first.stop(10_000);
  upstream.blurt('250 2.0.0 late but here\r\n');
  await stopped;
  expect(await first.deliveries(id)).toMatchObject([{ state: 'delivered', lease_holder: null }]);
  upstream.script = {};
  const second = await run();
  await second.end();
  expect(upstream.messages).toHaveLength(1);
});

it('what waits for its turn at a stop was not tried: it counts no attempt, and a person who let it go still has', async () => {
  upstream.script = { rcpt: { 'a@x.example': ['451 4.7.1 later', '250 2.1.5 ok'] }, final: 'HANG' };
  const first = await run({ POSTERN_UPSTREAMS: upstream.url('name=main&connections=1') });
  const id = await first.submit('a@x.example');
  await first.settled(id);
  await first.submit('b@x.example');
  await eventually(() => expect(upstream.messages).toHaveLength(1));
  await putSuppressions(database.pool, [
    { address: 'a@x.example', tenantId: null, stream: null, reason: 'manual', evidence: null, expiresAt: null },
  ]);
  await controlDeliveries(createDatabase(database.pool), 'retry', { messageIds: [id as MessageId] }, 3_600_000);
  await eventually(async () => expect(await first.deliveries(id)).toMatchObject([{ attempt: 2 }]));
  await first.stop(100);
  expect(await first.deliveries(id)).toMatchObject([{ attempt: 2, counted: 1, reason: 'shutting-down' }]);
  upstream.script = {};
  const second = await run();
  await second.reaches(id, 'delivered');
  await second.end();
});

it('a stop that must cut an attempt short releases it, and the next run tries it again at the same upstream', async () => {
  upstream.script = { final: 'HANG' };
  const first = await run();
  const id = await first.submit('a@x.example');
  await eventually(() => expect(upstream.messages).toHaveLength(1));
  await first.stop(100);
  const [left] = await first.deliveries(id);
  expect(left).toMatchObject({
    state: 'queued',
    reason: 'may-have-been-delivered',
    pinned_upstream: 'main',
    lease_holder: null,
  });
  upstream.script = {};
  const second = await run();
  await second.makeDue(id);
  await second.reaches(id, 'delivered');
  await second.end();
});

it('a stop leaves no connection to an upstream', async () => {
  const gateway = await run();
  const id = await gateway.submit('a@x.example');
  await gateway.reaches(id, 'delivered');
  await gateway.end();
  await eventually(() => expect(upstream.openConnections).toBe(0), 5_000);
});

it('what a killed run held is taken up at once by the next run of that node', async () => {
  const first = await run({ POSTERN_UPSTREAMS: '', POSTERN_ROLES: 'listener' });
  const id = await first.submit('a@x.example');
  await first.end();
  // As a run of this node leaves it when it is killed in the middle of an attempt.
  const { readFile } = await import('node:fs/promises');
  const node = (await readFile(join(dataDir, 'node-id'), 'utf8')).trim();
  await database.rows(
    `update deliveries set state = 'queued', attempt = 1, lease_holder = $1, due_at = now() + interval '1 min', pinned_upstream = 'main'`,
    `${node}:01DEADRUN`,
  );
  await database.rows(
    `insert into attempts (message_id, n, attempt, hop, upstream, opened_at) values ($1, 0, 1, 0, 'main', now())`,
    id,
  );
  const second = await run();
  await second.reaches(id, 'delivered');
  expect(await second.attempts(id)).toMatchObject([
    { attempt: 1, result: null },
    { attempt: 2, upstream: 'main', result: 'accepted' },
  ]);
  await second.end();
});

it('what another node holds is left alone', async () => {
  const first = await run({ POSTERN_UPSTREAMS: '', POSTERN_ROLES: 'listener' });
  const id = await first.submit('a@x.example');
  await first.end();
  await database.rows(
    `update deliveries set state = 'queued', attempt = 1, lease_holder = 'other:run', due_at = now() + interval '1 min'`,
  );
  const second = await run();
  const mine = await second.submit('b@x.example');
  await second.reaches(mine, 'delivered');
  expect(await second.deliveries(id)).toMatchObject([{ lease_holder: 'other:run' }]);
  await second.end();
});
