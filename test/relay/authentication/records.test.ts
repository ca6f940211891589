// What domains publish, as far as it is decided on.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAligned, normaliseDomain, organisationalDomain } from '../../../relay/authentication/alignment.ts';
import { parseDmarcRecords } from '../../../relay/authentication/dmarc-record.ts';
import { createDomainRecords, type DomainRecords } from '../../../relay/authentication/domain-records.ts';
import { readSpfRecords } from '../../../relay/authentication/spf-record.ts';
import { createResolver } from '../../../src/platform/resolver.ts';
import { type NameServer, startNameServer } from '../../support/dns.ts';

describe('a domain', () => {
  it.each([
    ['X.Example', 'x.example'],
    ['x.example.', 'x.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['_dmarc.x.example', '_dmarc.x.example'],
    ['1.2', '1.2'],
    ['', null],
    ['.', null],
    ['a..b', null],
    ['[192.0.2.1]', null],
    ['x example', null],
    ['x.example\u0000', null],
    [`${'a.'.repeat(130)}example`, null],
  ])('%j is compared as %j', (domain, expected) => {
    expect(normaliseDomain(domain)).toBe(expected);
  });

  it.each([
    ['x.example', 'x.example'],
    ['a.b.x.example', 'x.example'],
    ['a.x.co.uk', 'x.co.uk'],
    ['shop.github.io', 'shop.github.io'],
    ['co.uk', 'co.uk'],
    ['localhost', 'localhost'],
  ])('%s belongs to %s', (domain, expected) => {
    expect(organisationalDomain(domain)).toBe(expected);
  });

  it.each([
    ['x.example', 'x.example', true, true],
    ['mail.x.example', 'x.example', false, true],
    ['mail.x.example', 'news.x.example', false, true],
    ['x.example', 'y.example', false, false],
    ['notx.example', 'x.example', false, false],
    ['a.co.uk', 'b.co.uk', false, false],
    ['a.github.io', 'b.github.io', false, false],
  ])('%s counts as %s: strictly %j, relaxed %j (RFC 7489 section 3.1)', (a, b, strict, relaxed) => {
    expect([isAligned(a, b, 'strict'), isAligned(a, b, 'relaxed')]).toEqual([strict, relaxed]);
  });
});

describe('a DMARC record (RFC 7489 section 6.3)', () => {
  const all = (policy: string, below = policy, absent = below, dkim = 'relaxed', spf = 'relaxed') => ({
    ...{ policy, below, absent, dkim, spf },
  });
  it.each([
    ['v=DMARC1; p=none', all('none')],
    ['v=DMARC1; p=reject', all('reject')],
    ['v=DMARC1;p=quarantine;', all('quarantine')],
    ['v = DMARC1 ; P = Reject', all('reject')],
    ['v=DMARC1; p=reject; sp=none', all('reject', 'none')],
    ['v=DMARC1; p=none; sp=quarantine; np=reject', all('none', 'quarantine', 'reject')],
    ['v=DMARC1; p=reject; adkim=s; aspf=r', all('reject', 'reject', 'reject', 'strict')],
    ['v=DMARC1; p=reject; adkim=x; aspf=S', all('reject', 'reject', 'reject', 'relaxed', 'strict')],
    ['v=DMARC1; p=reject; pct=50; rua=mailto:a@x.example; fo=1; ri=1', all('reject')],
    ['v=DMARC1; p=reject; pct=0', all('quarantine')],
    ['v=DMARC1; p=reject; sp=quarantine; t=y', all('quarantine', 'none')],
    ['v=DMARC1; p=obey; rua=mailto:a@x.example', all('none')],
    ['v=DMARC1; p=reject; sp=obey; rua=mailto:a@x.example', all('none')],
    ['v=DMARC1; rua=mailto:a@x.example', all('none')],
    ['v=DMARC1; p=obey', null],
    ['v=DMARC1', null],
    ['v=DMARC1; p=obey; rua=a@x.example', null],
    ['v=dmarc1; p=reject', null],
    ['v=DMARC12; p=reject', null],
    ['p=reject; v=DMARC1', null],
    ['v=spf1 -all', null],
    ['', null],
  ])('%s', (text, expected) => {
    expect(parseDmarcRecords([text])).toEqual(expected);
  });

  it('is taken from among others, but not from two (section 6.6.3)', () => {
    expect(parseDmarcRecords(['hello', 'v=DMARC1; p=none'])).toEqual(all('none'));
    expect(parseDmarcRecords(['v=DMARC1; p=none', 'v=DMARC1; p=none'])).toBeNull();
    expect(parseDmarcRecords([])).toBeNull();
  });
});

describe('an SPF record (RFC 7208), before anything is sent', () => {
  it.each([
    [['v=spf1 -all'], { kind: 'nobody' }],
    [['v=spf1 ?all'], { kind: 'nobody' }],
    [['v=spf1'], { kind: 'nobody' }],
    [['v=spf1 exp=why.x.example -all'], { kind: 'nobody' }],
    [['v=spf1 +all'], { kind: 'anybody' }],
    [['v=spf1 all'], { kind: 'anybody' }],
    [['v=spf1 mx -all'], { kind: 'some', includes: [] }],
    [['v=spf1  include:_spf.Up.example  ip4:192.0.2.1 ~all'], { kind: 'some', includes: ['_spf.up.example'] }],
    [['v=spf1 +include:a.example ?include:b.example -all'], { kind: 'some', includes: ['a.example'] }],
    [['v=spf1 mx -all include:late.example'], { kind: 'some', includes: [] }],
    [['v=spf1 redirect=r.example'], { kind: 'some', includes: ['r.example'] }],
    [['v=spf1 a -all redirect=r.example'], { kind: 'some', includes: [] }],
    [['other', 'V=SPF1 mx -all'], { kind: 'some', includes: [] }],
    [['v=spf1 mx', 'v=spf1 a'], { kind: 'broken' }],
    [['v=spf1 mx -al'], { kind: 'broken' }],
    [['v=spf10 mx'], { kind: 'absent' }],
    [[], { kind: 'absent' }],
  ])('%j', (texts, expected) => {
    expect(readSpfRecords(texts)).toEqual(expected);
  });
});

describe('looked up', () => {
  let server: NameServer;
  let now: number;
  let records: DomainRecords;
  beforeEach(async () => {
    server = await startNameServer({
      '_dmarc.x.example': { TXT: ['v=DMARC1; p=reject; sp=quarantine; np=none'] },
      'mail.x.example': { A: ['192.0.2.1'] },
      'text.x.example': { TXT: ['exists, without an address'] },
      '_dmarc.news.x.example': { TXT: ['v=DMARC1; p=none; aspf=s'] },
      '_dmarc.broken.example': 'servfail',
      '_dmarc.garbled.example': { TXT: [`v=DMARC1; p=${'x'.repeat(3_000)}`, '\u00ff\u0000;;;='] },
      'x.example': { TXT: ['v=spf1 include:_spf.up.example -all'] },
      'broken.example': 'refused',
    });
    now = 1_000_000;
    const clock = () => now;
    records = createDomainRecords(createResolver({ servers: [server.address], clock }), clock);
  });
  afterEach(() => server.stop());

  it.each([
    ['its own record', 'x.example', { kind: 'published', policy: 'reject' }],
    ['its own, though there is one above', 'news.x.example', { kind: 'published', policy: 'none', spf: 'strict' }],
    ['the one above, for a name that exists', 'mail.x.example', { kind: 'published', policy: 'quarantine' }],
    ['the same without addresses', 'text.x.example', { kind: 'published', policy: 'quarantine' }],
    ['the one above, for a name that does not', 'gone.x.example', { kind: 'published', policy: 'none' }],
    ['none', 'y.example', { kind: 'absent' }],
    ['none below a public suffix', 'co.uk', { kind: 'absent' }],
    ['nonsense', 'garbled.example', { kind: 'absent' }],
    ['no answer', 'broken.example', { kind: 'unknown' }],
  ])('%s', async (_name, domain, expected) => {
    expect(await records.dmarc(domain)).toMatchObject(expected);
  });

  it.each([
    ['x.example', { kind: 'some', includes: ['_spf.up.example'] }],
    ['y.example', { kind: 'absent' }],
    ['broken.example', { kind: 'unknown' }],
  ])('SPF of %s', async (domain, expected) => {
    expect(await records.spf(domain)).toEqual(expected);
  });

  it('is looked up once a minute, and a failure as often as the resolver allows', async () => {
    await Promise.all([records.dmarc('x.example'), records.dmarc('x.example')]);
    expect(server.questions).toEqual(['TXT _dmarc.x.example']);
    await records.spf('broken.example');
    server.zone['broken.example'] = { TXT: ['v=spf1 -all'] };
    now += 15_000;
    expect(await records.spf('broken.example')).toEqual({ kind: 'nobody' });
  });
});
