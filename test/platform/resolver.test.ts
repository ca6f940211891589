// The resolver against a name server on loopback: what it asks, what it remembers, and how long anybody waits.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BoundedMap } from '../../src/platform/bounded-map.ts';
import { createResolver, isAbsent, type RecordType, type Resolve } from '../../src/platform/resolver.ts';
import { type NameServer, startNameServer } from '../support/dns.ts';

const MINUTE = 60_000;
let server: NameServer;
let now: number;
let resolve: Resolve;

beforeEach(async () => {
  server = await startNameServer({});
  now = 1_000_000;
  resolve = createResolver({ servers: [server.address], clock: () => now, timeoutMs: 1_000 });
});
afterEach(() => server.stop());

const codeOf = (name: string, type: RecordType = 'TXT') =>
  resolve(name, type).then(
    () => 'found',
    error => error.code as string,
  );

describe('an answer', () => {
  it.each<[RecordType, unknown[]]>([
    ['TXT', [['short'], ['a'.repeat(255), 'a'.repeat(255), 'a'.repeat(90)]]],
    ['A', ['192.0.2.1', '192.0.2.2']],
    ['AAAA', ['2001:db8::1']],
    ['MX', [{ priority: 10, exchange: 'mx.x.example', type: 'MX' }]],
  ])('of type %s is what node:dns gives', async (type, expected) => {
    server.zone = {
      'x.example': {
        TXT: ['short', 'a'.repeat(600)],
        A: ['192.0.2.1', '192.0.2.2'],
        AAAA: ['2001:db8:0:0:0:0:0:1'],
        MX: [{ priority: 10, exchange: 'mx.x.example' }],
      },
    };
    expect(await resolve('x.example', type)).toEqual(expected);
  });

  it('is found behind an alias', async () => {
    server.zone = { 'alias.example': { CNAME: 'x.example' }, 'x.example': { TXT: ['found'] } };
    expect(await resolve('alias.example', 'TXT')).toEqual([['found']]);
  });

  it('is not found in a circle of aliases', async () => {
    server.zone = { 'a.example': { CNAME: 'b.example' }, 'b.example': { CNAME: 'a.example' } };
    expect(isAbsent(await resolve('a.example', 'TXT').catch(error => error))).toBe(true);
  });

  it('has a hundred records at most', async () => {
    server.zone = { 'x.example': { A: Array.from({ length: 200 }, (_, n) => `192.0.2.${n}`) } };
    expect(await resolve('x.example', 'A')).toHaveLength(100);
  });
});

describe('what is remembered', () => {
  it.each<[string, RecordType, string, number]>([
    ['records, for five minutes', 'TXT', 'x.example', 5 * MINUTE],
    ['addresses, for their own time', 'A', 'x.example', 20_000],
    ['that there is no such name, for a minute', 'TXT', 'nobody.example', MINUTE],
    ['that the DNS failed, for a quarter of a minute', 'TXT', 'broken.example', 15_000],
  ])('%s', async (_name, type, name, forMs) => {
    server.zone = { 'x.example': { TXT: ['x'], A: ['192.0.2.1'], ttl: 20 }, 'broken.example': 'servfail' };
    const ask = () => resolve(name.toUpperCase(), type).catch(() => null);
    await ask();
    const asked = server.questions.length;
    now += forMs - 1;
    await ask();
    expect(server.questions).toHaveLength(asked);
    now += 1;
    await ask();
    expect(server.questions.length).toBeGreaterThan(asked);
  });

  it('does not include answers above 4 KB', async () => {
    server.zone = { 'x.example': { TXT: Array.from({ length: 6 }, (_, n) => `${n}${'x'.repeat(900)}`) } };
    await resolve('x.example', 'TXT');
    await resolve('x.example', 'TXT');
    expect(server.questions).toEqual(['TXT x.example', 'TXT x.example']);
  });

  it('is shared by those who ask at the same time', async () => {
    server.zone = { 'x.example': { TXT: ['x'] } };
    await Promise.all(Array.from({ length: 50 }, () => resolve('x.example', 'TXT')));
    expect(server.questions).toEqual(['TXT x.example']);
  });
});

describe('a failure', () => {
  it.each([
    ['no such name', 'nobody.example', true],
    ['no such record', 'empty.example', true],
    ['a name that cannot be', 'a..b', true],
    ['a name with NUL', 'x.example\u0000.y', true],
    ['a name with a space', 'x example', true],
    ['SERVFAIL', 'broken.example', false],
    ['REFUSED', 'refused.example', false],
    ['silence', 'mute.example', false],
    ['nonsense', 'garbage.example', false],
  ])('%s', async (_name, name, absent) => {
    server.zone = {
      'empty.example': {},
      'broken.example': 'servfail',
      'refused.example': 'refused',
      'mute.example': 'silent',
      'garbage.example': 'garbage',
    };
    expect(
      isAbsent(
        await resolve(name, 'TXT').then(
          () => 'found',
          error => error,
        ),
      ),
    ).toBe(absent);
  });

  it('of the whole DNS holds nobody else up, until it is heard again', async () => {
    server.zone = { '*': 'silent' };
    expect(await codeOf('a.example')).toBe('ETIMEOUT');
    const asked = new Set(server.questions);
    expect(await Promise.all([codeOf('b.example'), codeOf('c.example'), codeOf('a.example')])).toEqual(
      Array(3).fill('ETIMEOUT'),
    );
    expect(new Set(server.questions)).toEqual(asked);
    server.zone = { 'b.example': { TXT: ['back'] } };
    now += 15_000;
    expect(await codeOf('b.example')).toBe('found');
  });

  it("of one domain's servers holds up that domain alone", async () => {
    server.zone = { 'a.example': 'silent', 'b.example': { TXT: ['b'] } };
    expect(await codeOf('a.example')).toBe('ETIMEOUT');
    expect(await codeOf('b.example')).toBe('found');
  });

  it('is what a caller gets whose time is over, while others go on waiting', async () => {
    server.zone = { '*': 'silent' };
    const patient = codeOf('a.example');
    const hasty = await resolve('a.example', 'TXT', AbortSignal.abort()).catch(error => error.code);
    expect(hasty).toBe('ETIMEOUT');
    expect(await patient).toBe('ETIMEOUT');
  });
});

describe('a bounded map', () => {
  it('forgets the oldest, one at a time', () => {
    const map = new BoundedMap<string, number>(3);
    for (const key of ['a', 'b', 'c', 'a', 'd']) map.set(key, map.size);
    expect([...map.keys()]).toEqual(['c', 'a', 'd']);
  });
});
