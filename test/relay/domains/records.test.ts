// The pure part: what each record should say, and what is wrong with what was found.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeDmarc } from '../../../relay/domains/check-dmarc.ts';
import { dkimRecord, judgeDkimTexts } from '../../../relay/domains/dkim-record.ts';
import { panelForm, zoneLine } from '../../../relay/domains/dns-record.ts';
import { newSelector } from '../../../relay/domains/make-keys.ts';
import { rewrittenFields, sendersOf } from '../../../relay/domains/providers.ts';
import { parseSendingDomain } from '../../../relay/domains/sending-domain.ts';
import { mergeSpf, parseSpf, spfRecords } from '../../../relay/domains/spf-record.ts';

const KEY = { algorithm: 'rsa-sha256', publicKey: 'MIIBAAAA' } as const;

describe('a DKIM record', () => {
  it.each([
    ['v=DKIM1; k=rsa; p=MIIBAAAA', 'dkim-found'],
    ['v=DKIM1; p=MIIBAAAA', 'dkim-found'],
    ['p=MIIBAAAA', 'dkim-found'],
    ['v=DKIM1;k=rsa;p=MIIB AAAA;', 'dkim-found'],
    ['v=DKIM1; h=sha1:sha256; s=email; n=note; p=MIIBAAAA', 'dkim-found'],
    ['v=DKIM1; t=y; p=MIIBAAAA', 'dkim-testing'],
    ['v=DKIM1; k=rsa; p=', 'dkim-revoked'],
    ['v=DKIM1; k=rsa', 'dkim-cut-off'],
    ['v=DKIM1', 'dkim-cut-off'],
    ['v=DKIM1; k=rsa; n=x', 'dkim-no-key'],
    ['v=DKIM1; k=rsa; p=MIIB', 'dkim-cut-off'],
    ['v=DKIM1; k=rsa; p=AAAA', 'dkim-cut-off'],
    ['v=DKIM1; k=rsa; p=MIIBBBBB', 'dkim-wrong-key'],
    ['v=DKIM1; k=rsa; p=MIGf', 'dkim-wrong-key'],
    ['v=DKIM1; k=ed25519; p=MIIBAAAA', 'dkim-wrong-type'],
    ['v=DKIM1\\; k=rsa\\; p=MIIBAAAA', 'dkim-escaped'],
    ['"v=DKIM1; k=rsa; p=MIIBAAAA"', 'dkim-quotes'],
    ['v=DKIM1 k=rsa p=MIIBAAAA', 'dkim-semicolons'],
    ['k=rsa; v=DKIM1; p=MIIBAAAA', 'dkim-version'],
    ['v=DKIM2; p=MIIBAAAA', 'dkim-version'],
    ['v=DKIM1; h=sha1; p=MIIBAAAA', 'dkim-hashes'],
    ['v=DKIM1; s=tlsrpt; p=MIIBAAAA', 'dkim-services'],
    ['v=DKIM1; p=MIIBAAAA; p=MIIBAAAA', 'dkim-syntax'],
    ['some other text', 'dkim-syntax'],
  ])('%j is %s', (text, rule) => {
    const verdict = judgeDkimTexts([text], KEY);
    expect(verdict.rule).toBe(rule);
    expect(verdict.ok).toBe(['dkim-found', 'dkim-testing'].includes(rule));
  });

  it('that stands beside another one is none', () => {
    expect(judgeDkimTexts(['v=DKIM1; p=MIIBAAAA', 'x'], KEY)).toMatchObject({
      ok: false,
      rule: 'dkim-several-records',
    });
  });

  it('is well as we print it, and never throws on any other', () => {
    const key = {
      domain: 'example.com',
      selector: 'p1',
      createdAt: new Date(),
      activeFrom: null,
      retiredAt: null,
      ...KEY,
    };
    expect(judgeDkimTexts([dkimRecord(key).value], key).rule).toBe('dkim-found');
    fc.assert(fc.property(fc.string(), text => void judgeDkimTexts([text], KEY)));
  });
});

describe('a record to publish', () => {
  it('has strings of at most 255 characters, and nothing is lost between them', () => {
    const value = `v=DKIM1; k=rsa; p=${'A'.repeat(392)}`;
    const line = zoneLine({ name: 'p1._domainkey.example.com', type: 'TXT', value });
    expect(line).toMatch(/^p1\._domainkey\.example\.com\. 3600 IN TXT "[^"]{255}" "[^"]{155}"$/);
    expect([...line.matchAll(/"([^"]*)"/g)].map(([, text]) => text).join('')).toBe(value);
    expect(zoneLine({ name: 'x.example', type: 'TXT', value: 'a"b\\c' })).toBe('x.example. 3600 IN TXT "a\\"b\\\\c"');
    expect(zoneLine({ name: 'x.example', type: 'MX', value: '10 mx.example' })).toBe(
      'x.example. 3600 IN MX 10 mx.example.',
    );
  });

  it.each([
    ['example.com', '@'],
    ['_dmarc.example.com', '_dmarc'],
    ['p1._domainkey.shop.example.com', 'p1._domainkey.shop'],
    ['elsewhere.example', 'elsewhere.example'],
  ])('%s has the host %s at a panel', (name, host) => {
    expect(panelForm({ name, type: 'TXT', value: 'v' }, 'example.com')).toEqual({ host, value: 'v' });
  });
});

describe('an SPF record', () => {
  it.each([
    [['v=spf1 -all', 'other'], ['v=spf1 -all']],
    [['V=SPF1'], ['V=SPF1']],
    [['v=spf10 -all', 'v=spf1-all', ' v=spf1'], []],
  ])('among %j: %j', (texts, found) => expect(spfRecords(texts)).toEqual(found));

  it.each([
    ['v=spf1 a mx:x.example/24 -all', 'a: mx:x.example/24 all:'],
    ['v=spf1 A/24//64 ?include:X.example ~ALL', 'a:/24//64 include:X.example all:'],
    ['v=spf1  ip4:192.0.2.0/24  ip6:2001:db8::/32', 'ip4:192.0.2.0/24 ip6:2001:db8::/32'],
    [
      'v=spf1 exists:%{i}.x.example redirect=_spf.x.example exp=e.x.example',
      'exists:%{i}.x.example redirect=_spf.x.example exp=e.x.example',
    ],
    ['v=spf1 include: -all', null],
    ['v=spf1 ipv4:192.0.2.1', null],
    ['v=spf1 all:x', null],
    ['v=spf1 include=x.example', 'include=x.example'],
    ['v=spf1 v=spf1,a', 'v=spf1,a'],
    ['v=spf1 a, mx', null],
  ])('%j has the terms %s', (record, expected) => {
    const terms = parseSpf(record);
    expect(
      'bad' in terms
        ? null
        : terms.map(term => `${term.name}${term.kind === 'modifier' ? '=' : ':'}${term.value}`).join(' '),
    ).toBe(expected);
  });

  it.each([
    [[], ['include:a.example'], 'v=spf1 include:a.example ~all'],
    [['v=spf1 mx -all'], ['include:a.example'], 'v=spf1 mx include:a.example -all'],
    [['v=spf1 mx +all'], [], 'v=spf1 mx ~all'],
    [['v=spf1 mx all'], [], 'v=spf1 mx ~all'],
    [['v=spf1 mx'], ['a:b.example'], 'v=spf1 mx a:b.example ~all'],
    [['v=spf1 redirect=r.example'], ['a:b.example'], 'v=spf1 a:b.example redirect=r.example'],
    [
      ['v=spf1 mx include:a.example ~all', 'v=spf1 include:b.example mx -all'],
      ['include:c.example'],
      'v=spf1 mx include:a.example include:b.example include:c.example ~all',
    ],
  ])('%j with %j becomes %j', (records, missing, merged) => expect(mergeSpf(records, missing)).toBe(merged));
});

describe('who sends for us', () => {
  it.each([
    ['email-smtp.eu-west-1.amazonaws.com', 'include:amazonses.com', false],
    ['smtp.postmarkapp.com', 'include:spf.mtasv.net', false],
    ['smtp.eu.mailgun.org', 'include:mailgun.org', false],
    ['smtp.sendgrid.net', 'include:sendgrid.net', false],
    ['SMTP-Relay.gmail.com.', 'include:_spf.google.com', true],
    ['example-com.mail.protection.outlook.com', 'include:spf.protection.outlook.com', true],
    ['smtp.sparkpostmail.com', 'include:sparkpostmail.com', false],
    ['in-v3.mailjet.com', 'include:spf.mailjet.com', false],
    ['smtp-relay.brevo.com', 'include:spf.brevo.com', false],
    ['smtp.zoho.eu', 'include:zoho.eu', true],
    ['notsendgrid.net', 'a:notsendgrid.net', true],
    ['relay.example.net', 'a:relay.example.net', true],
    ['93.184.215.14', 'ip4:93.184.215.14', true],
    ['2a00:1450::1', 'ip6:2a00:1450::1', true],
    ['127.0.0.1', null, true],
    ['10.0.0.5', null, true],
    ['localhost', null, true],
  ])('%s: %s', (host, term, required) => expect(sendersOf([host])).toEqual([{ host, term, required }]));

  it('stands there once', () => {
    expect(sendersOf(['a.mailgun.org', 'b.mailgun.org', '10.0.0.1', '10.0.0.2']).map(({ host }) => host)).toEqual([
      'a.mailgun.org',
      '10.0.0.1',
      '10.0.0.2',
    ]);
  });

  it('rewrites Message-ID and Date at Amazon SES', () => {
    expect([...rewrittenFields(['email-smtp.us-east-1.amazonaws.com', 'smtp.sendgrid.net'])]).toEqual([
      'message-id',
      'date',
    ]);
    expect(rewrittenFields(['relay.example.net']).size).toBe(0);
  });
});

describe('a DMARC policy', () => {
  it.each([
    ['v=DMARC1; p=none', 'asks receivers for none'],
    [
      'v=DMARC1;p=REJECT;sp=none;adkim=s;aspf=r;pct=50;fo=1;rua=mailto:a@x.example,mailto:b@y.example!10m',
      'asks receivers for reject',
    ],
    ['v=dmarc1; p=none', 'must begin with v=DMARC1;'],
    ['p=none; v=DMARC1', 'must begin with v=DMARC1;'],
    ['v=DMARC1', 'has no p='],
    ['v=DMARC1; p=block', 'p=block is none of none, quarantine, reject'],
    ['v=DMARC1; p=none; sp=x', 'sp=x is none of none, quarantine, reject'],
    ['v=DMARC1; p=none; rua=postmaster@x.example', 'rua=postmaster@x.example is not of the form'],
    ['v=DMARC1; p=none; pct=101', 'pct=101 is no number'],
    ['v=DMARC1; p=none; aspf=strict', 'aspf=strict is neither r nor s'],
    ['v=DMARC1\\; p=none', 'has backslashes'],
    ['v=DMARC1 p=none', 'must begin with v=DMARC1;'],
  ])('%j: %s', (text, said) => expect(judgeDmarc([text], '_dmarc.example.com', true).detail).toContain(said));

  it('of the organisational domain says what holds below it', () => {
    const inherited = judgeDmarc(['v=DMARC1; p=reject; sp=none'], '_dmarc.example.com', false);
    expect(inherited.detail).toBe('asks receivers for none, from _dmarc.example.com');
  });
});

describe('a sending domain', () => {
  it.each([
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['news.shop.example.co.uk', 'news.shop.example.co.uk'],
    ['co.uk', "nobody's own domain"],
    ['com', "nobody's own domain"],
    ['not a domain', 'is not a domain'],
    ['192.0.2.1', 'is not a domain'],
    ['a@example.com', 'is not a domain'],
    ['_dmarc.example.com', 'is not a domain'],
    ['', 'is not a domain'],
  ])('%j: %s', (text, expected) => {
    const parsed = parseSendingDomain(text);
    expect(typeof parsed === 'string' ? parsed : parsed.problem).toContain(expected);
  });

  it('gets selectors with month and algorithm, each once', () => {
    const now = new Date('2026-11-30T23:59:59Z');
    expect(newSelector('rsa-sha256', now, [])).toBe('p202611r');
    expect(newSelector('ed25519-sha256', now, ['p202611r'])).toBe('p202611e');
    expect(newSelector('rsa-sha256', now, ['p202611r', 'p202611r2'])).toBe('p202611r3');
  });
});
