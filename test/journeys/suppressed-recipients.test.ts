// An address on the suppression list is accepted, kept and never tried; the message's other recipients get theirs.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../src/platform/log.ts';
import { createDatabase, createPool, type Pool } from '../../src/platform/postgres.ts';
import type { Database } from '../../src/store/schema.ts';
import { type NewSuppression, putSuppressions, removeSuppressions } from '../../src/store/suppressions.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let pool: Pool;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') });
  pool = createPool(gateway.database.url, { max: 1, name: 'test', log: createLog('silent') });
});
beforeEach(async () => {
  await gateway.rows('delete from suppressions');
  upstream.messages.length = 0;
});
afterAll(async () => {
  await pool.end();
  await gateway.end();
  await upstream.stop();
});

const GLOBAL = { tenantId: null, stream: null, reason: 'hard-bounce', evidence: null, expiresAt: null } as const;
const suppress = (address: string, changes: Partial<NewSuppression> = {}) =>
  putSuppressions(pool, [{ address, ...GLOBAL, ...changes }]);

const arrivedFor = () => upstream.messages.flatMap(message => message.rcpts);

describe('a suppressed recipient', () => {
  it('is accepted and never tried, while the others get the message', async () => {
    await suppress('gone@example.net');
    const id = await gateway.submit(['a@example.net', 'gone@example.net', 'b@example.net']);
    await gateway.reaches(id, 'delivered', 'suppressed');
    expect(await gateway.deliveries(id)).toMatchObject([
      { recipient: 'a@example.net', state: 'delivered' },
      { recipient: 'gone@example.net', state: 'suppressed', reason: 'hard-bounce', attempt: 0 },
      { recipient: 'b@example.net', state: 'delivered' },
    ]);
    expect(arrivedFor()).toEqual(['RCPT TO:<a@example.net>', 'RCPT TO:<b@example.net>']);
    expect((await gateway.attempts(id)).map(attempt => attempt.n)).toEqual([0, 2]);
    expect(await gateway.events(id)).toEqual(
      expect.arrayContaining(['accepted', 'suppressed 1', 'delivered 0', 'delivered 2']),
    );
  });

  it('alone causes no word to the upstream', async () => {
    await suppress('gone@example.net');
    const id = await gateway.submit('gone@example.net');
    expect(await gateway.deliveries(id)).toMatchObject([{ state: 'suppressed', lease_holder: null }]);
    const next = await gateway.submit('alive@example.net');
    await gateway.reaches(next, 'delivered');
    expect(upstream.conversations.flat().filter(line => line.includes('gone@'))).toEqual([]);
  });

  it('is known in any case of letters', async () => {
    await suppress('Gone@Example.NET');
    const id = await gateway.submit('gONE@example.net');
    expect(await gateway.deliveries(id)).toMatchObject([{ recipient: 'gONE@example.net', state: 'suppressed' }]);
  });

  it('is one again to be mailed when it is lifted', async () => {
    await suppress('back@example.net');
    expect(await removeSuppressions(createDatabase<Database>(pool), 'back@example.net', null)).toBe(1);
    await gateway.reaches(await gateway.submit('back@example.net'), 'delivered');
  });

  const scopes: [string, Partial<NewSuppression>, string][] = [
    ['for all', {}, 'suppressed'],
    ['for its tenant', { tenantId: 'default' }, 'suppressed'],
    ['for its stream', { tenantId: 'default', stream: 'transactional' }, 'suppressed'],
    ['for another tenant', { tenantId: 'other' }, 'delivered'],
    ['for another stream', { tenantId: 'default', stream: 'bulk' }, 'delivered'],
    ['until a time that has come', { expiresAt: new Date(Date.now() - 1_000) }, 'delivered'],
    ['until a time to come', { expiresAt: new Date(Date.now() + 60_000) }, 'suppressed'],
  ];
  it.each(scopes)('%s', async (_name, changes, state) => {
    await gateway.rows(`insert into tenants (tenant_id) values ('other') on conflict do nothing`);
    await suppress('who@example.net', changes);
    const id = await gateway.submit('who@example.net');
    await gateway.reaches(id, state);
  });

  it('stays captured in capture mode: nothing would be sent anyway', async () => {
    await gateway.rows(`update credentials set mode = 'capture'`);
    const capturing = await startTestGateway(
      { POSTERN_UPSTREAMS: upstream.url('name=main') },
      { database: gateway.database },
    );
    await suppress('gone@example.net');
    const id = await capturing.submit('gone@example.net');
    expect(await capturing.deliveries(id)).toMatchObject([{ state: 'captured' }]);
    await capturing.stop();
    await gateway.rows('update credentials set mode = null');
  });
});

describe('an address that is suppressed while mail for it waits', () => {
  const LATER = 'X-Postern-Send-At: +2h\r\n\r\nhello\r\n';

  it('is not mailed when its time comes, and the others are', async () => {
    const id = await gateway.submit(['gone@example.net', 'a@example.net'], LATER);
    await suppress('gone@example.net', { reason: 'unsubscribe' });
    await gateway.makeDue(id);
    await gateway.reaches(id, 'delivered', 'suppressed');
    expect(await gateway.deliveries(id)).toMatchObject([
      { recipient: 'gone@example.net', state: 'suppressed', reason: 'unsubscribe', attempt: 0, lease_holder: null },
      { recipient: 'a@example.net', state: 'delivered' },
    ]);
    expect(await gateway.events(id)).toEqual(expect.arrayContaining(['suppressed 0', 'delivered 1']));
    expect(arrivedFor()).toEqual(['RCPT TO:<a@example.net>']);
    expect(gateway.lines.filter(line => line.event === 'suppressed' && line.deliveryId === `${id}.0`)).toHaveLength(1);
  });

  it('holds up nobody: what is behind it is taken in the same look', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 6; i += 1) ids.push(await gateway.submit([`gone${i}@example.net`, `a${i}@example.net`], LATER));
    await putSuppressions(
      pool,
      ids.map((_, i) => ({ address: `gone${i}@example.net`, ...GLOBAL })),
    );
    await gateway.rows(`update deliveries set due_at = now() where message_id = any($1)`, ids);
    for (const id of ids) await gateway.reaches(id, 'delivered', 'suppressed');
  });

  it('is mailed when a person lets it go', async () => {
    const id = await gateway.submit('gone@example.net', LATER);
    await suppress('gone@example.net');
    await gateway.rows(`update deliveries set due_at = now(), by_hand = true where message_id = $1`, id);
    await gateway.reaches(id, 'delivered');
  });

  it('is mailed by the message that tries it out', async () => {
    const id = await gateway.submit('gone@example.net', LATER);
    await suppress('gone@example.net');
    await gateway.rows('update suppressions set probe_message_id = $1, probe_n = 0', id);
    await gateway.makeDue(id);
    await gateway.reaches(id, 'delivered');
  });
});
