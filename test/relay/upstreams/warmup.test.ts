// A new upstream gets a little more each day: how much by the day, and what counts.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { lessonOf } from '../../../relay/dispatch/lesson.ts';
import { FileUpstream } from '../../../relay/upstreams/file.ts';
import { NullUpstream } from '../../../relay/upstreams/null.ts';
import { Pacer } from '../../../relay/upstreams/pacer.ts';
import { SmtpUpstream } from '../../../relay/upstreams/smtp.ts';
import { fullAfter, warmupLimit } from '../../../relay/upstreams/warmup.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { readTurns } from '../../../src/store/turns.ts';
import { cloneDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { ScriptedUpstream } from '../../support/upstream.ts';
import { attempt, envelope, FakeNeighbours, HELLO, NEVER, settingsOf } from './support.ts';

const database = await cloneDatabase();
const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const action of undo.splice(0).reverse()) await action();
});
afterAll(() => database.drop());

const neighbours = new FakeNeighbours(2);
const pace = { neighbours, pool: database.pool };
const TODAY = new Date().toISOString().slice(0, 10);
const usedAt = async (name: string) =>
  (await readTurns(database.pool)).find(({ upstream }) => upstream === name)?.used ?? 0;

describe('the schedule', () => {
  const schedule = { startsOn: '2026-12-01', limits: [50, 100, 200] };
  it.each<[string, number | null]>([
    ['2026-11-30T23:59:59.999Z', 0],
    ['2026-12-01T00:00:00Z', 50],
    ['2026-12-01T23:59:59.999Z', 50],
    ['2026-12-02T00:00:00Z', 100],
    ['2026-12-03T12:00:00Z', 200],
    ['2026-12-04T00:00:00Z', null],
    ['2027-12-01T00:00:00Z', null],
  ])('allows at %s: %s', (at, limit) => expect(warmupLimit(schedule, Date.parse(at))).toBe(limit));

  const until = (day: string) => Date.parse(`${day}T00:00:00Z`);
  it.each<[string, number, object | null]>([
    ['2026-11-20T10:00:00Z', 0, { until: until('2026-12-01'), reason: 'warm-up: begins on 2026-12-01' }],
    ['2026-12-01T10:00:00Z', 49, null],
    ['2026-12-01T10:00:00Z', 50, { until: until('2026-12-02'), reason: 'warm-up: 50 of 50 messages today (day 1)' }],
    ['2026-12-03T10:00:00Z', 200, { until: until('2026-12-04'), reason: 'warm-up: 200 of 200 messages today (day 3)' }],
    ['2026-12-04T10:00:00Z', 9_999, null],
  ])('at %s after %i is full: %o', (at, used, full) => {
    expect(fullAfter(schedule, used, Date.parse(at))).toEqual(full);
  });
});

describe('an upstream that is warmed up', () => {
  it('takes as many as the day allows, whoever sends them, and then says until when it is full', async () => {
    const server = await ScriptedUpstream.start();
    undo.push(() => server.stop());
    const url = server.url(`name=exact&warmup=${TODAY}:7:7`);
    const processOf = () => {
      const settings = settingsOf('smtp', url);
      const options = { clientName: 'gateway.test', replyTimeoutMs: 5_000, connectTimeoutMs: 5_000 };
      const made = new SmtpUpstream({ settings, ...options, pace });
      undo.push(() => made.close());
      return made;
    };
    const [one, other] = [processOf(), processOf()];
    const sent = Array.from({ length: 12 }, (_, i) =>
      (i % 2 ? one : other).attempt(envelope(`to${i}@x.example`), HELLO, NEVER),
    );
    const results = (await Promise.all(sent)).map(({ results: [result] }) => result!);
    expect(results.filter(({ kind }) => kind === 'accepted')).toHaveLength(7);
    expect([server.messages.length, await usedAt('exact')]).toEqual([7, 7]);
    const refused = results.filter(({ kind }) => kind !== 'accepted');
    const reason = 'warm-up: 7 of 7 messages today (day 1)';
    expect(refused).toEqual(Array(5).fill({ kind: 'unreachable', stage: 'connect', error: reason }));
    // It is no fault of the upstream's: its circuit learns nothing.
    expect(lessonOf(refused)).toBeNull();
    await attempt(one);
    const midnight = Date.parse(`${TODAY}T00:00:00Z`) + 86_400_000;
    expect(one.notNow(Date.now())).toEqual({ until: midnight, reason });
    expect(one.notNow(midnight)).toBeNull();
  });

  it('does not count messages for which it could not be talked to', async () => {
    const server = await ScriptedUpstream.start();
    const settings = settingsOf('smtp', server.url(`name=dead&warmup=${TODAY}:3:3`));
    await server.stop();
    const options = { clientName: 'gateway.test', replyTimeoutMs: 5_000, connectTimeoutMs: 5_000 };
    const upstream = new SmtpUpstream({ settings, ...options, pace });
    undo.push(() => upstream.close());
    for (let i = 0; i < 4; i += 1) expect(await attempt(upstream)).toEqual(['unreachable at connect']);
    await eventually(async () => expect(await usedAt('dead')).toBe(0));
    expect(upstream.notNow(Date.now())).toBeNull();
    await server.listen();
    undo.push(() => server.stop());
    expect(await attempt(upstream)).toEqual(['accepted: 250 2.0.0 ok queued']);
    expect(await usedAt('dead')).toBe(1);
  });

  it('has room again when another process gave back what made it full', async () => {
    let now = Date.now();
    const schedule = { startsOn: TODAY, limits: [1, 1] };
    const paced = { name: 'given-back', ratePerSecond: null, warmup: schedule };
    const [one, other] = [new Pacer(paced, pace, () => now), new Pacer(paced, pace, () => now)];
    const turn = await other.turn(NEVER);
    await expect(one.turn(NEVER)).rejects.toThrow('warm-up: 1 of 1 messages today (day 1)');
    turn.giveBack();
    await eventually(async () => expect(await usedAt('given-back')).toBe(0));
    expect(one.notNow(now)).not.toBeNull();
    now += 31_000;
    await eventually(() => expect(one.notNow(now)).toBeNull());
    await one.turn(NEVER);
  });

  it('counts nobody who was told to stop while waiting', async () => {
    const paced = { name: 'stopped', ratePerSecond: 1 / 3_600, warmup: { startsOn: TODAY, limits: [9, 9] } };
    const pacer = new Pacer(paced, pace);
    await pacer.turn(NEVER);
    const abort = new AbortController();
    const second = pacer.turn(abort.signal);
    abort.abort(new Error('shutting down'));
    await expect(second).rejects.toThrow('shutting down');
    await eventually(async () => expect(await usedAt('stopped')).toBe(1));
  });

  it('sends nothing before its first day, and counts nothing after its last', async () => {
    const upstream = (name: string, startsOn: string) =>
      new NullUpstream(settingsOf('null', `null:?name=${name}&warmup=${startsOn}:5`), pace);
    const early = upstream('early', '2999-01-01');
    expect(early.notNow(Date.now())).toEqual({
      ...{ until: Date.parse('2999-01-01'), reason: 'warm-up: begins on 2999-01-01' },
    });
    expect(await attempt(early)).toEqual(['unreachable at connect']);
    const late = upstream('late', '2020-01-01');
    expect([late.notNow(Date.now()), await attempt(late)]).toEqual([null, ['accepted: 250 2.0.0 dropped']]);
    expect(await usedAt('late')).toBe(0);
  });

  it('sends nothing while the database is away, because nobody can count', async () => {
    const file = settingsOf('file', `file:///nowhere?name=away&warmup=${TODAY}:5:5`);
    const upstream = new FileUpstream(file, systemClock, neighbours.pace);
    const { results } = await upstream.attempt(envelope('a@x.example'), HELLO, NEVER);
    expect(results).toMatchObject([{ kind: 'unreachable', error: expect.stringMatching(/^warm-up: the database/) }]);
    expect(lessonOf(results)).toBeNull();
  });
});
