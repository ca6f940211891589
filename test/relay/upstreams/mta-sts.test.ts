// Policies of MTA-STS (RFC 8461): found, kept, replaced, and held on to while the DNS or their host is away.
import { beforeEach, describe, expect, it } from 'vitest';
import { createStsPolicies } from '../../../relay/upstreams/mta-sts.ts';
import type { Resolve } from '../../../src/platform/resolver.ts';

const DAY_MS = 86_400_000;
let now: number;
let records: Record<string, string[] | 'fails'>;
let policy: string | null;
let fetched: string[];
let find: ReturnType<typeof createStsPolicies>;

beforeEach(() => {
  now = 1_000_000;
  fetched = [];
  records = { '_mta-sts.x.example': ['v=STSv1; id=1;'] };
  policy = file('enforce', 'mx.x.example');
  const resolve: Resolve = async name => {
    const found = records[name];
    if (found === 'fails') throw Object.assign(new Error('failed'), { code: 'ESERVFAIL' });
    if (!found) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' });
    return found.map(text => [text]);
  };
  const get = async (url: string) => {
    fetched.push(url);
    if (policy === null) throw new Error('no answer');
    return Buffer.from(policy);
  };
  find = createStsPolicies({ resolve, get, clock: () => now });
});

function file(mode: string, ...hosts: string[]): string {
  return ['version: STSv1', `mode: ${mode}`, 'max_age: 86400', ...hosts.map(host => `mx: ${host}`), ''].join('\r\n');
}

const modeOf = async () => (await find('x.example'))?.mode ?? null;

describe('a policy', () => {
  it('is fetched from where it stands, once for many who ask at the same time', async () => {
    expect((await Promise.all([modeOf(), modeOf(), modeOf()])).every(mode => mode === 'enforce')).toBe(true);
    expect(fetched).toEqual(['https://mta-sts.x.example/.well-known/mta-sts.txt']);
  });

  it.each([
    ['mx.x.example', true],
    ['MX.x.example', true],
    ['other.x.example', false],
    ['in.y.example', true],
    ['a.in.y.example', false],
    ['y.example', false],
  ])('about %s (section 4.1): %s', async (host, expected) => {
    policy = file('enforce', 'mx.x.example', '*.y.example');
    expect((await find('x.example'))!.allows(host)).toBe(expected);
  });

  it.each([
    ['testing', 'testing'],
    ['none', null],
  ])('of mode %s is %s', async (mode, expected) => {
    policy = file(mode, 'mx.x.example');
    expect(await modeOf()).toBe(expected);
  });

  it.each<[string, string[] | 'fails' | undefined]>([
    ['no record', undefined],
    ['two records', ['v=STSv1; id=1;', 'v=STSv1; id=2;']],
    ['a record without id', ['v=STSv1;']],
    ['another record', ['v=spf1 -all']],
    ['a DNS that fails', 'fails'],
  ])('is not looked for by %s', async (_what, found) => {
    records = found === undefined ? {} : { '_mta-sts.x.example': found };
    expect(await modeOf()).toBeNull();
    expect(fetched).toEqual([]);
  });

  it.each([
    '',
    'version: STSv2\r\nmode: enforce\r\nmax_age: 1\r\nmx: x\r\n',
    'version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\n',
    '<html>',
  ])('is not %j', async text => {
    policy = text;
    expect(await modeOf()).toBeNull();
  });
});

describe('a policy that is known', () => {
  it('is not fetched again while its id stays, until its time is over', async () => {
    await modeOf();
    now += DAY_MS - 1;
    await modeOf();
    expect(fetched).toHaveLength(1);
    now += 2;
    await modeOf();
    expect(fetched).toHaveLength(2);
  });

  it('is replaced when the DNS names another id', async () => {
    await modeOf();
    records = { '_mta-sts.x.example': ['v=STSv1; id=2;'] };
    policy = file('testing', 'mx.x.example');
    expect(await modeOf()).toBe('testing');
  });

  it.each<[string, () => void]>([
    ['the record is gone', () => (records = {})],
    ['the DNS fails', () => (records = { '_mta-sts.x.example': 'fails' })],
    [
      'its successor cannot be fetched',
      () => {
        records = { '_mta-sts.x.example': ['v=STSv1; id=2;'] };
        policy = null;
      },
    ],
  ])('holds while %s, and no longer than it said (section 3.3)', async (_what, happen) => {
    await modeOf();
    happen();
    expect(await modeOf()).toBe('enforce');
    now += DAY_MS + 1;
    expect(await modeOf()).toBeNull();
  });

  it('lets its host rest after a failure', async () => {
    policy = null;
    expect([await modeOf(), await modeOf()]).toEqual([null, null]);
    expect(fetched).toHaveLength(1);
    policy = file('enforce', 'mx.x.example');
    now += 300_001;
    expect(await modeOf()).toBe('enforce');
  });
});
