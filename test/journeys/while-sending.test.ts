// What stands in the database while another host is awaited: an attempt that was opened before the connection and has no
// end, and no open transaction.
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type Script, ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
afterEach(async () => {
  await gateway.end();
  await upstream.stop();
});

const stages: [string, Script][] = [
  ['its banner', { banner: 'HANG' }],
  ['an answer to MAIL', { mail: 'HANG' }],
  ['an answer to the last dot', { final: 'HANG' }],
];

describe('while the upstream owes us', () => {
  it.each(stages)('%s, the attempt is written down and no transaction is open', async (_stage, script) => {
    upstream = await ScriptedUpstream.start(script);
    gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') });
    const handedOver = await gateway.submit('a@x.example');
    await expectBeingTried(handedOver, 1);
    // The same for what is claimed from the queue: another recipient, put back as if its time had come.
    const claimed = await gateway.submit('b@x.example');
    await gateway.rows(
      `update deliveries set attempt = 0, lease_holder = null, due_at = now() where message_id = $1`,
      claimed,
    );
    await gateway.rows('delete from attempts where message_id = $1', claimed);
    await expectBeingTried(claimed, 1);
  });

  async function expectBeingTried(messageId: string, attempt: number): Promise<void> {
    await eventually(async () => {
      expect(await gateway.attempts(messageId)).toMatchObject([{ attempt, upstream: 'main', result: null }]);
      expect(upstream.connections).toBeGreaterThan(0);
    });
    const open = await gateway.rows(
      `select query from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and state like 'idle in transaction%'`,
    );
    expect(open).toEqual([]);
  }
});
