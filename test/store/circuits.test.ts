// Circuits as rows: who opens and closes them, who has the trial, and what is written about it, once.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  changeCircuits,
  closeByHand,
  closeCircuit,
  closeOverdue,
  failTrial,
  handOnTrial,
  type Opening,
  openByHand,
  openCircuit,
  readCircuits,
  releaseTrials,
  takeTrial,
  wantTrial,
} from '../../src/store/circuits.ts';
import { countFallbackDeliveries, readFallbacks, settleFallbacks } from '../../src/store/fallbacks.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.rows('truncate circuits, route_fallbacks, events');
});

const down = (by: string, changes: Partial<Opening> = {}): Opening => ({
  ...{ upstream: 'ses', cause: 'unreachable', reason: 'connect ECONNREFUSED', rule: null, by, lookInMs: 0, ...changes },
});
const open = (by: string, changes: Partial<Opening> = {}) =>
  changeCircuits(database.pool, connection => openCircuit(connection, down(by, changes)));
const state = async () => (await readCircuits(database.pool))[0]!;
const events = () => database.rows('select kind, topic, data from events order by event_id');

describe('opening and closing', () => {
  it('is done and told once, whoever found out too', async () => {
    expect(await Promise.all(['a', 'b', 'c'].map(by => open(by)))).toEqual(
      expect.arrayContaining([true, false, false]),
    );
    const { openedBy } = await state();
    expect(await state()).toMatchObject({ failures: 1, cause: 'unreachable', reason: 'connect ECONNREFUSED' });
    const closing = ['a', 'b'].map(by => changeCircuits(database.pool, trx => closeCircuit(trx, 'ses', by)));
    expect((await Promise.all(closing)).filter(Boolean)).toHaveLength(1);
    expect(await state()).toMatchObject({ failures: 0, cause: null, openedAt: null, trialHolder: null });
    expect(await events()).toMatchObject([
      { kind: 'upstream-down', topic: 'upstream:ses', data: { node: openedBy, cause: 'unreachable' } },
      { kind: 'upstream-up', topic: 'upstream:ses', data: { downMs: expect.any(Number) } },
    ]);
  });

  it('that cannot be told is not done', async () => {
    await database.rows(`alter table events add constraint broken check (kind <> 'upstream-down')`);
    await expect(open('a')).rejects.toThrow(/broken/);
    await database.rows('alter table events drop constraint broken');
    expect(await readCircuits(database.pool)).toEqual([]);
  });

  it('begins anew after a closing', async () => {
    await open('a');
    await changeCircuits(database.pool, trx => closeCircuit(trx, 'ses', 'a'));
    expect(await open('b', { cause: 'account-closed', rule: 'ses-sending-paused' })).toBe(true);
    expect(await state()).toMatchObject({ failures: 1, cause: 'account-closed', openedBy: 'b' });
    expect((await events()).at(-1)).toMatchObject({ data: { rule: 'ses-sending-paused' } });
  });
});

describe('the trial', () => {
  it('is one process’s, of many that ask at once', async () => {
    await open('a');
    const asked = await Promise.all(['a', 'b', 'c', 'd'].map(holder => takeTrial(database.pool, 'ses', holder)));
    expect(asked.filter(Boolean)).toHaveLength(1);
  });

  it('is nobody’s before its time, nor while it is closed', async () => {
    expect(await takeTrial(database.pool, 'ses', 'a')).toBe(false);
    await open('a', { lookInMs: 60_000 });
    expect(await takeTrial(database.pool, 'ses', 'a')).toBe(false);
    await changeCircuits(database.pool, trx => closeCircuit(trx, 'ses', 'a'));
    expect(await takeTrial(database.pool, 'ses', 'a')).toBe(false);
  });

  it('ends by its time when its holder is gone', async () => {
    await open('a');
    await takeTrial(database.pool, 'ses', 'a');
    expect(await takeTrial(database.pool, 'ses', 'b')).toBe(false);
    await database.rows(`update circuits set trial_until = now() - interval '1 ms'`);
    expect((await state()).trialHolder).toBeNull();
    expect(await takeTrial(database.pool, 'ses', 'b')).toBe(true);
    expect(await state()).toMatchObject({ trialHolder: 'b', trialForMs: expect.any(Number) });
  });

  it('that fails ends it, and the next look is later; only its holder’s counts', async () => {
    await open('a');
    await takeTrial(database.pool, 'ses', 'a');
    await failTrial(database.pool, 'b', down('b', { reason: 'late news' }));
    expect(await state()).toMatchObject({ failures: 1, trialHolder: 'a' });
    await failTrial(database.pool, 'a', down('a', { reason: 'still away', lookInMs: 60_000 }));
    expect(await state()).toMatchObject({ failures: 2, trialHolder: null, reason: 'still away' });
    expect((await state()).lookInMs).toBeGreaterThan(50_000);
    expect(await events()).toHaveLength(1);
  });

  it('goes to who has mail, when its holder has none', async () => {
    await open('a');
    await takeTrial(database.pool, 'ses', 'a');
    await wantTrial(database.pool, 'ses', 'a');
    expect((await state()).trialWantedBy).toBeNull();
    await wantTrial(database.pool, 'ses', 'b');
    await wantTrial(database.pool, 'ses', 'c');
    await handOnTrial(database.pool, 'ses', 'c');
    expect(await state()).toMatchObject({ trialHolder: 'a', trialWantedBy: 'b' });
    await handOnTrial(database.pool, 'ses', 'a');
    expect(await state()).toMatchObject({ trialHolder: 'b', trialWantedBy: null, handedOn: 1 });
    expect([await takeTrial(database.pool, 'ses', 'a'), await takeTrial(database.pool, 'ses', 'b')]).toEqual([
      false,
      true,
    ]);
  });

  it('is left by who stops', async () => {
    await open('a');
    await takeTrial(database.pool, 'ses', 'a');
    await releaseTrials(database.pool, 'a');
    expect(await takeTrial(database.pool, 'ses', 'b')).toBe(true);
  });
});

describe('by hand', () => {
  const byHand = (forMs: number | null = null) =>
    changeCircuits(database.pool, trx =>
      openByHand(trx, { upstream: 'ses', by: 'ops@desk', reason: 'maintenance', forMs }),
    );

  it('stays open whatever mail tells, and has no trial', async () => {
    await open('a');
    await takeTrial(database.pool, 'ses', 'a');
    expect(await byHand()).toEqual({ until: null });
    expect(await changeCircuits(database.pool, trx => closeCircuit(trx, 'ses', 'a'))).toBe(false);
    await failTrial(database.pool, 'a', down('a'));
    expect(await takeTrial(database.pool, 'ses', 'a')).toBe(false);
    expect(await open('b')).toBe(false);
    expect(await state()).toMatchObject({ failures: 1, cause: 'by-hand', reason: 'maintenance', openedBy: 'ops@desk' });
    expect((await events()).at(-1)).toMatchObject({
      kind: 'upstream-down',
      data: { by: 'ops@desk', cause: 'by-hand', reason: 'maintenance' },
    });
  });

  it('is closed by hand, once', async () => {
    await byHand();
    const close = () => changeCircuits(database.pool, trx => closeByHand(trx, 'ses', 'ops@desk'));
    expect([await close(), await close()]).toEqual([true, false]);
    expect((await events()).map(({ kind }) => kind)).toEqual(['upstream-down', 'upstream-up']);
  });

  it('ends when its time is over, by whoever looks first', async () => {
    await byHand(60_000);
    const end = () => changeCircuits(database.pool, trx => closeOverdue(trx, 'a'));
    expect([(await state()).isOver, await end()]).toEqual([false, false]);
    await database.rows(`update circuits set open_until = now() - interval '1 ms'`);
    expect((await state()).isOver).toBe(true);
    expect((await Promise.all([end(), end()])).filter(Boolean)).toHaveLength(1);
    expect((await events()).at(-1)).toMatchObject({ kind: 'upstream-up', data: { node: 'a', cause: 'time-over' } });
  });
});

describe('a fallback', () => {
  const ROUTES = [{ name: 'default', groups: [['ses', 'brevo'], ['postmark']] }];
  const change = (work: Parameters<typeof changeCircuits>[1]) =>
    changeCircuits(database.pool, async connection => {
      await work(connection);
      return settleFallbacks(connection, ROUTES);
    });

  it('begins when two processes each find one half of the group down, at the same time', async () => {
    const changes = await Promise.all([
      change(trx => openCircuit(trx, down('a'))),
      change(trx => openCircuit(trx, down('b', { upstream: 'brevo', reason: 'paused' }))),
    ]);
    expect(changes.flat()).toEqual([
      {
        ...{ kind: 'fallback-began', route: 'default' },
        data: {
          ...{ from: ['ses', 'brevo'], to: ['postmark'] },
          reason: 'ses: connect ECONNREFUSED; brevo: paused',
        },
      },
    ]);
  });

  it('counts what went there, and ends when one of the group is back, for all to read', async () => {
    await change(trx => openCircuit(trx, down('a')));
    await change(trx => openCircuit(trx, down('a', { upstream: 'brevo' })));
    await countFallbackDeliveries(database.pool, new Map([...([['default', 3]] as const), ['gone', 5]]));
    await countFallbackDeliveries(database.pool, new Map([['default', 4]]));
    expect(await readFallbacks(database.pool)).toMatchObject([{ route: 'default', deliveries: 7, to: ['postmark'] }]);
    const ended = await change(trx => closeCircuit(trx, 'brevo', 'a'));
    expect(ended).toMatchObject([{ kind: 'fallback-ended', data: { deliveries: 7, forMs: expect.any(Number) } }]);
    expect(await change(async () => undefined)).toEqual([]);
    const told = await database.rows(`select kind, data from events where topic = 'route:default' order by event_id`);
    expect(told).toMatchObject([{ kind: 'fallback-began' }, { kind: 'fallback-ended', data: { deliveries: 7 } }]);
  });

  it('ends with its route, and says where its mail goes while that changes', async () => {
    await change(trx => openCircuit(trx, down('a')));
    await change(trx => openCircuit(trx, down('a', { upstream: 'brevo' })));
    expect(await change(trx => openCircuit(trx, down('a', { upstream: 'postmark' })))).toEqual([]);
    expect(await readFallbacks(database.pool)).toMatchObject([{ to: [] }]);
    const ended = await changeCircuits(database.pool, connection => settleFallbacks(connection, []));
    expect(ended).toMatchObject([{ kind: 'fallback-ended', route: 'default' }]);
  });
});
