// Holding, releasing, cancelling and retrying from the command line, beside a gateway that runs; and what it shows of a
// message that an app said something about.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptMessages } from '../../src/store/accept.ts';
import { acceptance } from '../support/acceptance.ts';
import { postern, printedJson } from '../support/command-line.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') });
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

const run = (...args: string[]) =>
  postern({ DATABASE_URL: gateway.database.url, POSTERN_DATA_DIR: gateway.dataDir }, ...args);
const json = (...args: string[]) => printedJson(run(...args, '--json'));

/** Greylisted, and so waiting for its next attempt. */
async function waiting(...to: string[]): Promise<string> {
  upstream.script = { rcpt: { '*': '450 4.7.1 greylisted' } };
  const id = await gateway.submit(to);
  await gateway.settled(id);
  upstream.script = {};
  return id;
}

describe('message hold, release and cancel', () => {
  it('hold keeps it, release sends it at once, and the timeline tells both', async () => {
    const id = await waiting('held@x.example');
    expect((await run('message', 'hold', id)).stdout).toBe('1 delivery is held.\n');
    expect(await gateway.deliveries(id)).toMatchObject([{ state: 'held', reason: 'held-by-hand' }]);
    expect((await run('message', 'show', id)).stdout).toMatch(new RegExp(`→ npx postern message release ${id}\n$`));
    expect((await run('queue', 'status')).stdout).toContain('\n1 held: `npx postern message find --state held`');
    expect(await json('message', 'release', id)).toEqual([{ messageId: id, deliveries: 1, beingTried: 0 }]);
    await gateway.reaches(id, 'delivered');
    expect(await gateway.events(id)).toEqual(['accepted', 'deferred 0', 'held 0', 'released 0', 'delivered 0']);
    const { stdout } = await run('message', 'show', id);
    expect(stdout).toMatch(/ {2}held \(held-by-hand\)\n.* {2}released by hand \(held-by-hand\)\n/);
  });

  it('the timeline tells of a submission that came again', async () => {
    const content = 'Message-ID: <twice@x>\r\nFrom: sender@example.com\r\n\r\nx\r\n';
    const again = () => gateway.submit('twice@x.example', content);
    const id = await again();
    expect(await again()).toBe(id);
    const { stdout } = await run('message', 'show', id);
    expect(stdout).toMatch(/ {2}came again: answered with the same id, sent once \(from \S+\)\n/);
  });

  it('cancel is for good, and for one recipient when that is said', async () => {
    const id = await waiting('keep@x.example', 'drop@x.example');
    expect((await run('message', 'cancel', '--to', 'DROP@x.example')).stdout).toBe('1 delivery is cancelled.\n');
    expect((await run('message', 'retry', id)).stdout).toBe('1 delivery is due now.\n');
    await gateway.reaches(id, 'delivered', 'cancelled');
    expect(await gateway.deliveries(id)).toMatchObject([{ state: 'delivered' }, { state: 'cancelled' }]);
    expect((await run('message', 'show', id)).stdout).toContain('drop@x.example: cancelled (cancelled-by-hand)');
    expect(await run('message', 'release', id)).toMatchObject({
      code: 1,
      stderr: `postern: nothing of ${id} is held\n`,
    });
  });

  it('takes many only when that is meant', async () => {
    const ids = [await waiting('a@many.example', 'b@many.example'), await waiting('c@many.example')];
    const asked = await run('message', 'hold', '--to', '*@many.example', '--state', 'queued');
    expect([asked.code, asked.stderr]).toEqual([
      1,
      'postern: 3 deliveries of 2 messages fit: --yes to hold them all, `message find` to see them\n',
    ]);
    expect(
      (await json('message', 'hold', '--to', '*@many.example', '--yes')).map(({ messageId }) => messageId),
    ).toEqual(ids);
    expect((await json('message', 'find', '--state', 'held')).map(({ messageId }) => messageId)).toEqual(
      ids.toReversed(),
    );
    expect(await json('message', 'cancel', ...ids)).toHaveLength(2);
  });

  it('does not pretend about what is being tried', async () => {
    const id = await waiting('busy@x.example');
    await gateway.rows(
      `update deliveries set lease_holder = 'another:run', due_at = now() + interval '1 hour' where message_id = $1`,
      id,
    );
    expect(await run('message', 'cancel', id)).toMatchObject({
      code: 1,
      stderr: 'postern: 1 being tried right now and left alone: ask again when that is over\n',
    });
    expect(await gateway.deliveries(id)).toMatchObject([{ state: 'queued' }]);
    await gateway.rows(`update deliveries set lease_holder = null where message_id = $1`, id);
    expect(await json('message', 'cancel', id)).toHaveLength(1);
  });

  it.each([
    [['message', 'hold'], 2, "postern: say which (example: npx postern message hold --to '*@example.com')"],
    [['message', 'hold', 'x'], 2, 'postern: x is not a message id'],
    [['message', 'cancel', '--to', 'nobody@x.example'], 1, 'postern: nothing of what fits waits or is held'],
    [['message', 'release', '--metadata', 'order'], 2, 'postern: --metadata order is not name=value'],
    [['message', 'release', '--state', 'gone'], 2, 'error: option'],
  ])('%j: exit %i, %s', async (args, code, said) => {
    const outcome = await run(...args);
    expect(outcome.stderr).toContain(said);
    expect(outcome.code).toBe(code);
  });
});

describe('a message that an app said something about', () => {
  it('is found by it, and shown with it', async () => {
    const scheduled = acceptance(
      ['later@x.example'],
      { dueInMs: 3_600_000, reason: 'scheduled' },
      {
        ...{ tags: ['welcome', 'de'], metadata: { order: '1042' }, track: ['opens'] },
        authentication: {
          dkim: [{ domain: 'x.example', result: 'pass' }],
          ...{ spf: null, dmarc: { domain: 'x.example', result: 'fail' } },
          prediction: { consequence: 'receivers will refuse it' },
        },
      },
    );
    await acceptMessages(gateway.database.pool, [scheduled]);
    const { messageId } = scheduled.message;
    for (const filter of [
      ['--tag', 'welcome'],
      ['--metadata', 'order=1042'],
      ['--tag', 'de', '--metadata', 'order=1042'],
    ]) {
      expect((await json('message', 'find', ...filter)).map(found => found.messageId)).toEqual([messageId]);
    }
    const both = ['--metadata', 'order=1042', '--metadata', 'shop=de'];
    expect(await json('message', 'find', ...both)).toEqual([]);
    const one = await run('message', 'release', '--metadata', 'order=1042', messageId);
    expect(one.stderr).toBe(`postern: nothing of ${messageId} is held\n`);
    expect(await json('message', 'find', '--tag', 'wel')).toEqual([]);
    expect(await json('message', 'find', '--metadata', 'order=104')).toEqual([]);
    const { stdout } = await run('message', 'show', messageId);
    expect(stdout).toContain(
      [
        'Tags        welcome, de',
        'Metadata    order=1042',
        'Track       opens',
        'Came with   dkim=pass (x.example), dmarc=fail (x.example)',
        'Receivers   receivers will refuse it',
      ].join('\n'),
    );
    expect(stdout).toMatch(/later@x\.example: scheduled for \d{4}-/);
    expect((await json('message', 'show', messageId))[0].message).toMatchObject({
      tags: ['welcome', 'de'],
      track: ['opens'],
    });
  });
});

describe('event list', () => {
  it('tells what happened that is about no message, or all of one', async () => {
    await gateway.rows(
      `insert into events (kind, topic, data, at) values
       ('domain-broken', 'domain:a.example', '{"record": "spf"}', now() - interval '2 days'),
       ('domain-ok', 'domain:a.example', null, now()), ('quota-warning', 'quota:app/hour', '{"share": 0.8}', now())`,
    );
    const kinds = async (...args: string[]) => (await json('event', 'list', ...args)).map(({ kind }) => kind);
    expect(await kinds()).toEqual(['quota-warning', 'domain-ok', 'domain-broken']);
    expect(await kinds('--topic', 'domain:a.example')).toEqual(['domain-ok', 'domain-broken']);
    expect(await kinds('--topic', 'quota:*')).toEqual(['quota-warning']);
    expect(await kinds('--kind', 'domain-ok')).toEqual(['domain-ok']);
    expect(await kinds('--since', '1h')).toEqual(['quota-warning', 'domain-ok']);
    const [first] = await json('event', 'list', '--limit', '1');
    expect(first).toMatchObject({ topic: 'quota:app/hour', data: { share: 0.8 }, messageId: null });
    expect(await kinds('--before', String(first.eventId))).toEqual(['domain-ok', 'domain-broken']);
    expect((await run('event', 'list', '--limit', '1')).stdout).toMatch(
      /^AT +KIND +ABOUT +DATA\n\S+ \S+ +quota-warning +quota:app\/hour +share: 0\.8\n\nThere is more: --before \d+\n$/,
    );
    const id = await gateway.submit('told@x.example');
    await gateway.reaches(id, 'delivered');
    expect(await kinds('--message', id)).toEqual(['delivered', 'accepted']);
    expect((await run('event', 'list', '--message', id)).stdout).toContain(`${id}.0`);
    expect((await run('event', 'list', '--kind', 'none')).stdout).toBe('Nothing found.\n');
  });

  it.each([
    [['--limit', '0'], 2, '--limit is a number'],
    [['--before', 'x'], 2, '--before is the id'],
    [['--message', 'x'], 2, 'x is not a message id'],
    [['--since', 'noon'], 2, '--since noon'],
  ])('%j: exit %i, %s', async (args, code, said) => {
    const outcome = await run('event', 'list', ...args);
    expect(outcome.stderr).toContain(said);
    expect(outcome.code).toBe(code);
  });
});
