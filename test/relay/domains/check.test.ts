// What a check of a whole domain says, against a DNS in memory; and what it changes in the store.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDomain } from '../../../relay/domains/check.ts';
import { dkimRecord } from '../../../relay/domains/dkim-record.ts';
import { makeKeys } from '../../../relay/domains/make-keys.ts';
import { settleCheck } from '../../../relay/domains/settle-check.ts';
import { createDomainWatch } from '../../../relay/domains/watch.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createSealer } from '../../../src/platform/sealing.ts';
import { activateKeys, type DkimKey, insertKeys, listKeys } from '../../../src/store/dkim-keys.ts';
import { addDomain, findDomain } from '../../../src/store/domains.ts';
import { cloneDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { resolveIn, type ZoneRecords } from './zone.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const DAY_MS = 86_400_000;
const key = (changes: Partial<DkimKey> = {}): DkimKey => ({
  ...{ domain: 'example.com', selector: 'p1', algorithm: 'rsa-sha256', publicKey: 'MIIBAAAA' },
  ...{ createdAt: new Date(NOW), activeFrom: new Date(NOW), retiredAt: null },
  ...changes,
});
const WELL: ZoneRecords = {
  'p1._domainkey.example.com TXT': ['v=DKIM1; k=rsa; p=MIIBAAAA'],
  'example.com TXT': ['google-site-verification=x', 'v=spf1 a:relay.example.net -all'],
  '_dmarc.example.com TXT': ['v=DMARC1; p=reject'],
  'example.com MX': [{ exchange: 'mx.example.com', priority: 10 }],
  'relay.example.net A': ['93.184.215.14'],
};
const options = (zone: ZoneRecords, hosts: readonly string[], returnPathDomain: string | null = null) => ({
  ...{ resolve: resolveIn(zone), upstreamHosts: hosts, returnPathDomain },
  ...{ hostname: 'mail.example.com', maxAgeMs: 2 * DAY_MS },
});
const check = (zone: ZoneRecords, hosts = ['relay.example.net'], keys = [key()], returnPath: string | null = null) =>
  checkDomain('example.com', keys, options({ ...WELL, ...zone }, hosts, returnPath), NOW);
const rulesOf = async (...args: Parameters<typeof check>) => {
  const { state, findings } = await check(...args);
  return [state, ...findings.map(({ rule }) => rule).filter(rule => !/-found$/.test(rule))];
};

describe('a check', () => {
  it('finds all well', async () => {
    const { state, findings, seen } = await check({});
    expect([state, seen]).toEqual(['ok', ['p1']]);
    expect(findings.map(({ about, status, publish }) => [about, status, publish])).toEqual([
      ...[
        ['dkim', 'found', null],
        ['spf', 'found', null],
        ['dmarc', 'found', null],
        ['mx', 'found', null],
      ],
    ]);
  });

  it('finds nothing in an empty zone, and says what to publish', async () => {
    const { state, findings, seen } = await checkDomain(
      'example.com',
      [key()],
      options({}, ['relay.example.net']),
      NOW,
    );
    expect([state, seen]).toEqual(['broken', []]);
    expect(findings.map(({ rule, publish }) => [rule, publish?.name, publish?.value])).toEqual([
      ['dkim-missing', 'p1._domainkey.example.com', 'v=DKIM1; k=rsa; p=MIIBAAAA'],
      ['spf-missing', 'example.com', 'v=spf1 a:relay.example.net ~all'],
      ['dmarc-missing', '_dmarc.example.com', 'v=DMARC1; p=none; rua=mailto:postmaster@example.com'],
      ['mx-missing', undefined, undefined],
    ]);
  });

  it.each<[string, ZoneRecords, string[]]>([
    ['DKIM', { 'p1._domainkey.example.com TXT': 'ETIMEOUT' }, ['unchecked', 'dkim-unchecked']],
    ['SPF', { 'example.com TXT': 'ESERVFAIL' }, ['unchecked', 'spf-unchecked']],
    [
      'an include',
      { 'example.com TXT': ['v=spf1 include:i.example a:relay.example.net -all'], 'i.example TXT': 'ETIMEOUT' },
      ['unchecked', 'spf-unchecked'],
    ],
    ['DMARC', { '_dmarc.example.com TXT': 'ETIMEOUT' }, ['unchecked', 'dmarc-unchecked']],
    ['MX, which is only advised', { 'example.com MX': 'ETIMEOUT' }, ['ok', 'mx-unchecked']],
  ])('that gets no answer for %s does not say that it is missing', async (_title, zone, rules) => {
    expect(await rulesOf(zone)).toEqual(rules);
  });

  it.each<[string, ZoneRecords, string[]]>([
    ['another key', { 'p1._domainkey.example.com TXT': ['v=DKIM1; p=MIIBBBBB'] }, ['broken', 'dkim-wrong-key']],
    ['two SPF records', { 'example.com TXT': ['v=spf1 mx -all', 'v=spf1 a -all'] }, ['broken', 'spf-two-records']],
    ['+all', { 'example.com TXT': ['v=spf1 a:relay.example.net +all'] }, ['broken', 'spf-plus-all']],
    ['no sender', { 'example.com TXT': ['v=spf1 mx -all'] }, ['broken', 'spf-sender-missing']],
    [
      'a sender that is not to pass',
      { 'example.com TXT': ['v=spf1 ~a:relay.example.net -all'] },
      ['broken', 'spf-sender-missing'],
    ],
    ['a term that is none', { 'example.com TXT': ['v=spf1 ipv4:192.0.2.1 -all'] }, ['broken', 'spf-syntax']],
    ['ptr', { 'example.com TXT': ['v=spf1 ptr a:relay.example.net -all'] }, ['ok', 'spf-ptr']],
    [
      'an include of nothing',
      { 'example.com TXT': ['v=spf1 include:none.example a:relay.example.net -all'] },
      ['broken', 'spf-broken-include'],
    ],
    ['a null MX', { 'example.com MX': [{ exchange: '', priority: 0 }] }, ['ok', 'mx-null']],
    [
      'two DMARC records',
      { '_dmarc.example.com TXT': ['v=DMARC1; p=none', 'v=DMARC1; p=reject'] },
      ['broken', 'dmarc-several-records'],
    ],
  ])('names what is wrong: %s', async (_title, zone, rules) => {
    expect(await rulesOf(zone)).toEqual(rules);
  });

  it('follows a CNAME that leads nowhere, and says so', async () => {
    const { 'p1._domainkey.example.com TXT': _, ...zone } = WELL;
    const alias = { ...zone, 'p1._domainkey.example.com CNAME': ['k1.esp.example'] };
    const { findings } = await checkDomain('example.com', [key()], options(alias, []), NOW);
    expect(findings[0]!.detail).toBe('is a CNAME to k1.esp.example, where there is no TXT record');
  });

  it.each<[string, string, ZoneRecords]>([
    ['by its addresses', 'v=spf1 ip4:93.184.215.0/24 -all', {}],
    [
      'by an include’s addresses',
      'v=spf1 include:i.example -all',
      { 'i.example TXT': ['v=spf1 ip4:93.184.215.14 -all'] },
    ],
    ['by a redirect', 'v=spf1 redirect=i.example', { 'i.example TXT': ['v=spf1 a:relay.example.net -all'] }],
    ['as the MX', 'v=spf1 mx -all', { 'example.com MX': [{ exchange: 'Relay.example.net', priority: 5 }] }],
  ])('takes a smart host as named %s', async (_title, spf, zone) => {
    expect(await rulesOf({ 'example.com TXT': [spf], ...zone })).toEqual(['ok']);
  });

  it('adds what is missing to the record that is there', async () => {
    const hosts = ['relay.example.net', 'smtp.sendgrid.net', 'smtp-relay.gmail.com'];
    const { findings } = await check(
      { 'example.com TXT': ['v=spf1 mx include:amazonses.com -all'], 'amazonses.com TXT': ['v=spf1 -all'] },
      hosts,
    );
    expect(findings.find(({ rule }) => rule === 'spf-sender-missing')).toMatchObject({
      detail:
        'does not let relay.example.net (a:relay.example.net), smtp-relay.gmail.com (include:_spf.google.com) send',
      publish: {
        value: 'v=spf1 mx include:amazonses.com a:relay.example.net include:sendgrid.net include:_spf.google.com -all',
      },
    });
  });

  it('only advises to name a provider that has a return path of its own', async () => {
    expect(await rulesOf({}, ['relay.example.net', 'smtp.sendgrid.net'])).toEqual(['ok', 'spf-sender-advised']);
  });

  it('counts look-ups through includes, and ends in a circle (RFC 7208 section 4.6.4)', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [`i${i}.example TXT`, ['v=spf1 ip4:192.0.2.1 -all']]),
    );
    const spf = (count: number) => [
      'example.com TXT',
      [`v=spf1 a:relay.example.net ${Array.from({ length: count }, (_, i) => `include:i${i}.example`).join(' ')} -all`],
    ];
    expect(await rulesOf({ ...many, ...Object.fromEntries([spf(9)]) })).toEqual(['ok']);
    const { findings } = await check({
      ...many,
      ...Object.fromEntries([spf(9)]),
      'i0.example TXT': ['v=spf1 mx -all'],
    });
    expect(findings[1]).toMatchObject({ rule: 'spf-look-ups', detail: expect.stringContaining('needs 11 look-ups') });
    expect(await rulesOf({ 'example.com TXT': ['v=spf1 include:example.com -all'] })).toContain('spf-look-ups');
  });

  it('of a subdomain takes the organisational domain’s DMARC', async () => {
    const { findings } = await checkDomain('a.b.example.com', [], options(WELL, []), NOW);
    expect(findings.find(({ about }) => about === 'dmarc')).toMatchObject({
      status: 'found',
      name: '_dmarc.example.com',
    });
  });

  it.each<[string, ZoneRecords, string]>([
    ['nothing', {}, 'return-path-missing'],
    ['an MX', { 'b.example.com MX': [{ exchange: 'mail.example.com', priority: 10 }] }, 'return-path-found'],
    ['a null MX', { 'b.example.com MX': [{ exchange: '.', priority: 0 }] }, 'return-path-null-mx'],
    ['a CNAME that leads nowhere', { 'b.example.com CNAME': ['x.example'] }, 'return-path-alias'],
    ['no answer', { 'b.example.com MX': 'ETIMEOUT' }, 'return-path-unchecked'],
  ])('looks where returned mail goes: %s', async (_title, zone, rule) => {
    const { findings } = await check(zone, ['relay.example.net'], [key()], 'b.example.com');
    expect(findings.map(finding => finding.rule)).toEqual(expect.arrayContaining([rule, 'spf-missing']));
    if (rule === 'return-path-missing')
      expect(findings.find(f => f.rule === rule)!.publish!.value).toBe('10 mail.example.com');
  });

  it('does not call a domain broken whose next keys are not published yet', async () => {
    const next = key({ selector: 'p2', activeFrom: null, publicKey: 'MIIBCCCC' });
    const { state, findings } = await check({}, undefined, [key(), next]);
    expect(state).toBe('ok');
    expect(findings[1]).toMatchObject({
      rule: 'dkim-missing',
      required: false,
      publish: { name: 'p2._domainkey.example.com' },
    });
    expect(await rulesOf({}, undefined, [next])).toEqual(['broken', 'dkim-missing']);
  });

  it.each<[string, number, boolean, string]>([
    ['while mail is on its way', 8, true, 'dkim-retired'],
    ['too early', 8, false, 'dkim-gone-early'],
    ['when it may go', 10, true, 'dkim-may-go'],
    ['when it is gone', 10, false, 'dkim-gone'],
  ])('says of a retired key’s record %s', async (_title, daysAgo, isThere, rule) => {
    const old = key({ selector: 'p0', retiredAt: new Date(NOW - daysAgo * DAY_MS) });
    const zone: ZoneRecords = isThere ? { 'p0._domainkey.example.com TXT': ['v=DKIM1; p=MIIBAAAA'] } : {};
    const { state, findings, gone } = await check(zone, undefined, [key(), old]);
    expect([state, findings[1]!.rule, gone]).toEqual(['ok', rule, rule === 'dkim-gone' ? ['p0'] : []]);
  });
});

describe('what a check changes', () => {
  let database: TestDatabase;
  const sealer = createSealer(Buffer.alloc(32, 1));
  const lines: Record<string, unknown>[] = [];
  const log = createLog('info', { write: line => void lines.push(JSON.parse(line)) });
  beforeAll(async () => {
    database = await cloneDatabase();
  });
  afterAll(() => database.drop());

  async function addWithKeys(domain: string): Promise<DkimKey[]> {
    await addDomain(database.db, domain, 'default');
    await insertKeys(database.db, await makeKeys(domain, { now: new Date(NOW), taken: [], sealer }));
    return listKeys(database.db, domain);
  }
  const published = (domain: string, keys: readonly DkimKey[]): ZoneRecords => ({
    ...Object.fromEntries(keys.map(each => [`${dkimRecord(each).name} TXT`, [dkimRecord(each).value]])),
    [`${domain} TXT`]: ['v=spf1 mx -all'],
    [`_dmarc.${domain} TXT`]: ['v=DMARC1; p=none'],
    [`${domain} MX`]: [{ exchange: 'mx.example', priority: 10 }],
  });
  async function checkAndSettle(domain: string, zone: ZoneRecords) {
    const found = await checkDomain(domain, await listKeys(database.db, domain), options(zone, []), NOW);
    return settleCheck(database.db, (await findDomain(database.db, domain))!, found, log);
  }
  const events = async (domain: string) =>
    (
      await database.rows<{ kind: string; data: unknown }>(
        'select kind, data from events where topic = $1 order by event_id',
        `domain:${domain}`,
      )
    ).map(({ kind, data }) => [kind, data]);
  const states = async (domain: string) =>
    (await listKeys(database.db, domain)).map(
      ({ selector, activeFrom, retiredAt }) => `${selector} ${retiredAt ? 'retired' : activeFrom ? 'signs' : 'waits'}`,
    );

  it('keys sign once they were seen, and each change is an event once', async () => {
    const keys = await addWithKeys('one.example');
    expect(await checkAndSettle('one.example', {})).toEqual([]);
    expect(await checkAndSettle('one.example', {})).toEqual([]);
    expect(await states('one.example')).toEqual(['p202611r waits', 'p202611e waits']);
    const rsaOnly = published('one.example', keys.slice(0, 1));
    expect(await checkAndSettle('one.example', rsaOnly)).toEqual(['p202611r']);
    expect(await checkAndSettle('one.example', published('one.example', keys))).toEqual(['p202611e']);
    expect(await checkAndSettle('one.example', published('one.example', keys))).toEqual([]);
    const missing = ['dkim-missing p202611r._domainkey.one.example', 'dkim-missing p202611e._domainkey.one.example'];
    const others = ['spf-missing one.example', 'dmarc-missing _dmarc.one.example'];
    expect(await events('one.example')).toEqual([
      ['domain-broken', { problems: [...missing, ...others], solved: [] }],
      ['dkim-key-signs', { selectors: ['p202611r'], retired: [] }],
      ['domain-broken', { problems: [missing[1]], solved: [missing[0], ...others] }],
      ['dkim-key-signs', { selectors: ['p202611e'], retired: [] }],
      ['domain-ok', { problems: [], solved: [missing[1]] }],
    ]);
    expect(
      lines.filter(({ domain }) => domain === 'one.example').map(({ event, level }) => `${level} ${event}`),
    ).toEqual([
      ...['warn domain-broken', 'info dkim-key-signs', 'warn domain-broken', 'info dkim-key-signs', 'info domain-ok'],
    ]);
  });

  it('without an answer nothing changes', async () => {
    const keys = await addWithKeys('two.example');
    const zone = published('two.example', keys);
    await checkAndSettle('two.example', zone);
    const before = await events('two.example');
    await checkAndSettle('two.example', { ...zone, 'two.example TXT': 'ETIMEOUT' });
    expect(await events('two.example')).toEqual(before);
    expect((await findDomain(database.db, 'two.example'))!.result).toMatchObject({ state: 'ok' });
  });

  it('a rotation: new ones wait beside the old, take over when seen, and the old are forgotten when gone', async () => {
    const old = await addWithKeys('three.example');
    await checkAndSettle('three.example', published('three.example', old));
    await insertKeys(
      database.db,
      await makeKeys('three.example', { now: new Date(NOW), taken: old.map(k => k.selector), sealer }),
    );
    await checkAndSettle('three.example', published('three.example', old));
    expect(await states('three.example')).toEqual([
      'p202611r signs',
      'p202611e signs',
      'p202611r2 waits',
      'p202611e2 waits',
    ]);
    const all = await listKeys(database.db, 'three.example');
    await checkAndSettle('three.example', published('three.example', all));
    expect(await states('three.example')).toEqual([
      'p202611r retired',
      'p202611e retired',
      'p202611r2 signs',
      'p202611e2 signs',
    ]);
    await database.rows(
      `update dkim_keys set retired_at = $1 where retired_at is not null`,
      new Date(NOW - 30 * DAY_MS),
    );
    await checkAndSettle('three.example', published('three.example', all.slice(2)));
    expect(await states('three.example')).toEqual(['p202611r2 signs', 'p202611e2 signs']);
  });

  it('two that see the same keys at the same time make them sign once', async () => {
    const keys = await addWithKeys('four.example');
    const selectors = keys.map(({ selector }) => selector);
    const all = await Promise.all(
      Array.from({ length: 3 }, () => activateKeys(database.db, 'four.example', selectors)),
    );
    expect(all.flat().sort()).toEqual([...selectors].sort());
    expect(await events('four.example')).toHaveLength(1);
  });

  it('the watch checks each domain once an hour, however many watch, and sooner where keys wait', async () => {
    await database.rows('delete from domains');
    const keys = await addWithKeys('five.example');
    const zone = published('five.example', keys);
    await addDomain(database.db, 'six.example', 'default');
    const asked: string[] = [];
    const resolve = resolveIn(zone);
    const watches = Array.from({ length: 3 }, () =>
      createDomainWatch({
        ...options(zone, []),
        ...{ db: database.db, clock: () => NOW, random: Math.random, log, lookEveryMs: 20 },
        resolve: (name, type) => {
          if (type === 'MX') asked.push(name);
          return resolve(name, type);
        },
      }),
    );
    for (const watch of watches) watch.start();
    await eventually(async () => {
      expect(await states('five.example')).toEqual(['p202611r signs', 'p202611e signs']);
      expect(asked.sort()).toEqual(['five.example', 'six.example']);
    });
    const age = (domain: string, minutes: number) =>
      database.rows(
        `update domains set checked_at = now() - $2 * interval '1 minute' where domain = $1`,
        domain,
        minutes,
      );
    await insertKeys(database.db, await makeKeys('six.example', { now: new Date(NOW), taken: [], sealer }));
    await age('five.example', 59);
    await age('six.example', 6);
    await eventually(() => expect(asked.filter(name => name === 'six.example')).toHaveLength(2));
    await age('five.example', 61);
    await eventually(() => expect(asked.filter(name => name === 'five.example')).toHaveLength(2));
    await Promise.all(watches.map(watch => watch.stop()));
    expect(asked).toHaveLength(4);
  });

  it('a watch that is stopped does not wait for the DNS', async () => {
    await database.rows('update domains set checked_at = null');
    let asked = 0;
    const watch = createDomainWatch({
      ...options({}, []),
      ...{ db: database.db, clock: () => NOW, random: Math.random, log },
      resolve: () => {
        asked += 1;
        return new Promise(() => undefined);
      },
    });
    watch.start();
    await eventually(() => expect(asked).toBeGreaterThan(0));
    await watch.stop();
  });
});
