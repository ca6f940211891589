// What is found out about a message: signatures made by others, records on a real name server, clients in and out of them.
import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealMessage } from 'mailauth/lib/arc/index.js';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { createTransport } from 'nodemailer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Key, makeKey, signMessage } from '../../support/dkim.ts';
import { MESSAGE, startExaminer, stranger, type TestExaminer } from '../../support/examiner.ts';
import { has, PATH, unlessInstalled } from '../../support/programs.ts';

const key = makeKey('rsa');
const ed25519 = makeKey('ed25519');
const REJECT = { TXT: ['v=DMARC1; p=reject'] };
let examiner: TestExaminer;
beforeEach(async () => {
  examiner = await startExaminer(
    {
      '_dmarc.x.example': REJECT,
      'key._domainkey.x.example': { TXT: [key.record] },
      'ed._domainkey.x.example': { TXT: [ed25519.record] },
      'key._domainkey.y.example': { TXT: [key.record] },
      'key._domainkey.mail.x.example': { TXT: [key.record] },
    },
    { upstreamIncludes: new Map([['covered', '_spf.up.example']]) },
  );
});
afterEach(() => examiner.stop());

const sign = (tags: Partial<Record<string, string>> & { d?: string } = {}, by: Key = key, message = MESSAGE) =>
  signMessage(message, by, { d: 'x.example', ...(tags as Record<string, string>) });

const byMailauth = async (selector: string, privateKey: string) => {
  const by = { signingDomain: 'x.example', selector, privateKey };
  return (await dkimSign(MESSAGE, { ...by, signatureData: [by] })).signatures;
};

describe('a good signature', () => {
  const PASS = { result: 'pass', aligned: true, survives: true, reason: null };

  it('by hand, simple/simple', async () => {
    const { dkim, dmarc, prediction } = await examiner.examine(sign());
    expect(dkim).toEqual([{ domain: 'x.example', selector: 'key', ...PASS }]);
    expect(dmarc).toEqual({ domain: 'x.example', policy: 'reject', result: 'pass' });
    expect(prediction).toMatchObject({ dkimAligned: true, willPass: true });
  });

  it('by nodemailer, relaxed/relaxed', async () => {
    const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
    const { message } = await transport.sendMail({
      ...{ from: 'shop@x.example', to: 'b@z.example', subject: 'Füße', text: 'A line\nand  another \n\n' },
      dkim: { domainName: 'x.example', keySelector: 'key', privateKey: key.pem },
    });
    expect((await examiner.examine((message as Buffer).toString('latin1'))).dkim).toMatchObject([PASS]);
  });

  it('by mailauth, with Ed25519 (RFC 8463) beside RSA', async () => {
    const message = (await byMailauth('ed', ed25519.pem)) + (await byMailauth('key', key.pem)) + MESSAGE;
    expect((await examiner.examine(message)).dkim).toMatchObject([PASS, PASS]);
  });

  it.skipIf(!has('opendkim-genkey'))(`with a key of opendkim-genkey${unlessInstalled('opendkim-genkey')}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'genkey-'));
    try {
      spawnSync('opendkim-genkey', ['-b', '2048', '-d', 'x.example', '-s', 'od', '-D', directory], {
        env: { ...process.env, PATH },
      });
      const zoneFile = readFileSync(join(directory, 'od.txt'), 'utf8');
      const record = [...zoneFile.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join('');
      examiner.dns.zone['od._domainkey.x.example'] = { TXT: [record] };
      const field = await byMailauth('od', readFileSync(join(directory, 'od.private'), 'utf8'));
      expect((await examiner.examine(field + MESSAGE)).dkim).toMatchObject([{ selector: 'od', ...PASS }]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it.each([
    ['of a domain below', 'mail.x.example', 'v=DMARC1; p=reject', true],
    ['of a domain below, strictly', 'mail.x.example', 'v=DMARC1; p=reject; adkim=s', false],
    ['of somebody else', 'y.example', 'v=DMARC1; p=reject', false],
  ])('%s', async (_name, d, record, aligned) => {
    examiner.dns.zone['_dmarc.x.example'] = { TXT: [record] };
    const { dkim, prediction } = await examiner.examine(sign({ d }));
    expect(dkim).toMatchObject([{ domain: d, result: 'pass', aligned }]);
    expect(prediction).toMatchObject({ dkimAligned: aligned, willPass: aligned });
  });
});

describe('a signature that is worth nothing', () => {
  const signed = (message: string, from: string, to: string) => message.replace(from, to);
  it.each<[string, string, object]>([
    ['altered below', signed(sign(), 'It has left', 'It was lost'), { result: 'fail', reason: /body hash/ }],
    ['altered above', signed(sign(), 'Your order', 'Your loss'), { result: 'fail', reason: /bad signature/ }],
    ['without From', sign({ h: 'subject' }), { result: 'neutral', reason: /From field not signed/ }],
    ['in the name of others (i=)', sign({ i: '@bank.example' }), { result: 'neutral', reason: /domain mismatch/ }],
    ['in the name of a look-alike (i=)', sign({ i: '@ax.example' }), { result: 'neutral', reason: /domain mismatch/ }],
    ['expired', sign({ t: '1000', x: '2000' }), { result: 'neutral', reason: /expired/ }],
    ['by SHA-1 (RFC 8301)', sign({ a: 'rsa-sha1' }), { result: 'policy', reason: /weak algorithm/ }],
    ['of no body at all (l=0)', sign({ l: '0' }), { result: 'policy', reason: /only part of the body/ }],
    ['of its beginning', sign({ l: '5' }), { result: 'policy', reason: /only part of the body/ }],
    ['without a key', sign({ s: 'other' }), { result: 'neutral', reason: /no key/ }],
    ['without sense', `DKIM-Signature: hello\r\n${MESSAGE}`, { result: 'neutral', domain: '?', selector: '?' }],
  ])('%s', async (_name, message, expected) => {
    const { dkim, prediction } = await examiner.examine(message);
    const { reason, ...rest } = expected as { reason?: RegExp };
    expect(dkim).toMatchObject([{ ...rest, ...(reason ? { reason: expect.stringMatching(reason) } : {}) }]);
    expect(prediction).toMatchObject({ dkimAligned: false, willPass: false });
  });

  it.each<[string, string[] | 'servfail' | 'silent', string]>([
    ['revoked', ['v=DKIM1; p='], 'neutral'],
    ['no base64', ['v=DKIM1; p=???'], 'neutral'],
    ['no key', ['v=DKIM1; k=rsa; p=aGVsbG8='], 'neutral'],
    ['no text of a key', ['hello'], 'neutral'],
    ['of another time', ['v=DKIM2; p=aGVsbG8='], 'neutral'],
    ['too short', [makeKey('rsa', 512).record], 'policy'],
    ['of another kind', [ed25519.record], 'neutral'],
    ['another', [makeKey('rsa').record], 'fail'],
    ['of 16,384 bits', [hugeKeyRecord()], 'neutral'],
    ['not told', 'servfail', 'temperror'],
    ['not answered for', 'silent', 'temperror'],
  ])('its key is %s', async (_name, records, result) => {
    examiner.dns.zone['key._domainkey.x.example'] = typeof records === 'string' ? records : { TXT: records };
    const { dkim, prediction } = await examiner.examine(sign());
    expect(dkim).toMatchObject([{ result }]);
    expect(prediction.willPass).toBe(result === 'temperror' ? null : false);
  });

  it('its key is behind a circle of aliases', async () => {
    examiner.dns.zone['key._domainkey.x.example'] = { CNAME: 'a.example' };
    examiner.dns.zone['a.example'] = { CNAME: 'key._domainkey.x.example' };
    expect((await examiner.examine(sign())).dkim).toMatchObject([{ result: 'neutral' }]);
  });
});

/** Any odd number will do: nobody signs with it. */
function hugeKeyRecord(): string {
  const n = Buffer.alloc(2_048, 0xff).toString('base64url');
  const spki = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
  return `v=DKIM1; k=rsa; p=${spki.export({ type: 'spki', format: 'der' }).toString('base64')}`;
}

describe('a signature that our own fields break', () => {
  const without = (name: string) => MESSAGE.replace(new RegExp(`^${name}:.*\r\n`, 'm'), '');
  it.each<[string, string, object, boolean]>([
    ['a Date that is there', sign({ h: 'from:date' }), {}, true],
    ['a Date that is not', sign({ h: 'from:date' }, key, without('Date')), {}, false],
    ['a Message-ID that is not', sign({ h: 'from:message-id' }, key, without('Message-ID')), {}, false],
    ['no Received field', sign({ h: 'from:Received' }), {}, false],
    ['From once more', sign({ h: 'from:from:subject' }), {}, true],
    ['a field that is removed', sign({ h: 'from:subject' }), { removedFields: ['subject'] }, false],
    ['a field that is not there to be removed', sign({ h: 'from:x-tag' }), { removedFields: ['x-tag'] }, true],
  ])('%s', async (_name, message, input, survives) => {
    const { dkim, prediction, dmarc } = await examiner.examine(message, input);
    expect(dkim).toMatchObject([{ result: 'pass', survives }]);
    expect(dmarc.result).toBe('pass');
    expect(prediction.willPass).toBe(survives);
  });
});

describe('a client that did not log in (RFC 7208)', () => {
  const listed = (text: string) => ({ 'b.x.example': { TXT: [text] } });
  it.each<[string, object, string, string]>([
    ['is listed', listed('v=spf1 ip4:192.0.2.0/24 -all'), '192.0.2.7', 'pass'],
    ['is listed, in IPv6', listed('v=spf1 ip6:2001:db8::/32 -all'), '2001:db8::7', 'pass'],
    ['is listed, as Node writes IPv4', listed('v=spf1 ip4:192.0.2.0/24 -all'), '::ffff:192.0.2.7', 'pass'],
    ['is not', listed('v=spf1 ip4:192.0.2.0/24 -all'), '198.51.100.1', 'fail'],
    ['is not, softly', listed('v=spf1 ~all'), '198.51.100.1', 'softfail'],
    ['is neither', listed('v=spf1 ?all'), '198.51.100.1', 'neutral'],
    ['comes from a domain without a record', {}, '198.51.100.1', 'none'],
    [
      'comes from a domain with two',
      { 'b.x.example': { TXT: ['v=spf1 -all', 'v=spf1 +all'] } },
      '198.51.100.1',
      'permerror',
    ],
    ['comes from one with a broken record', listed('v=spf1 ip4:300.0.0.1 -all'), '198.51.100.1', 'permerror'],
    ['comes from one that includes itself', listed('v=spf1 include:b.x.example -all'), '198.51.100.1', 'permerror'],
    ['comes from one that the DNS is silent on', { 'b.x.example': 'silent' }, '198.51.100.1', 'temperror'],
    ['comes from one that the DNS fails on', { 'b.x.example': 'servfail' }, '198.51.100.1', 'temperror'],
    [
      'is an MX host',
      {
        'b.x.example': { TXT: ['v=spf1 mx -all'], MX: [{ priority: 10, exchange: 'mx.x.example' }] },
        'mx.x.example': { A: ['198.51.100.1'] },
      },
      '198.51.100.1',
      'pass',
    ],
  ])('%s', async (_name, zone, address, result) => {
    Object.assign(examiner.dns.zone, zone);
    const { spf } = await examiner.examine(MESSAGE, stranger(address));
    expect(spf).toEqual({ identity: 'mailfrom', domain: 'b.x.example', result });
  });

  it('has its name judged when it sends from <>', async () => {
    examiner.dns.zone['app.example'] = { TXT: ['v=spf1 ip4:192.0.2.7 -all'] };
    const { spf } = await examiner.examine(MESSAGE, stranger('192.0.2.7', null));
    expect(spf).toEqual({ identity: 'helo', domain: 'app.example', result: 'pass' });
  });

  it.each([
    ['192.0.2.7', 'pass'],
    ['198.51.100.1', 'fail'],
  ])('passes or fails DMARC by it (%s)', async (address, result) => {
    examiner.dns.zone['b.x.example'] = { TXT: ['v=spf1 ip4:192.0.2.7 -all'] };
    expect((await examiner.examine(MESSAGE, stranger(address))).dmarc.result).toBe(result);
  });
});

describe('a sealed chain (RFC 8617)', () => {
  const seal = async (message: string, options: object = {}) => {
    const authResults = 'mx.other.example; dkim=pass header.d=x.example';
    const fields = await sealMessage(Buffer.from(message), {
      ...{ signingDomain: 'y.example', selector: 'key', privateKey: key.pem, authResults },
      ...options,
    });
    return fields.toString() + message;
  };

  it('is none when there is none', async () => {
    expect((await examiner.examine(sign())).arc).toBeNull();
  });

  it('passes, of one hop and of two', async () => {
    const once = await seal(sign());
    expect((await examiner.examine(once)).arc).toEqual({ result: 'pass', reason: null });
    const twice = await seal(once, { cv: 'pass' });
    expect((await examiner.examine(twice)).arc).toEqual({ result: 'pass', reason: null });
  });

  it('fails when something was altered', async () => {
    const altered = (await seal(sign())).replace('It has left', 'It was lost');
    expect((await examiner.examine(altered)).arc).toEqual({
      result: 'fail',
      reason: expect.stringContaining('no valid signature'),
    });
  });

  it('fails with a hop missing', async () => {
    const holed = (await seal(sign())).replace('ARC-Message-Signature:', 'X-Was:');
    expect((await examiner.examine(holed)).arc?.result).toBe('fail');
  });

  it('fails for good only when the DNS said so', async () => {
    const sealed = await seal(MESSAGE);
    examiner.dns.zone['key._domainkey.y.example'] = 'servfail';
    expect((await examiner.examine(sealed)).arc?.result).toBe('temperror');
  });
});

describe('mail that a logged-in app did not sign', () => {
  it('asks for two records, once', async () => {
    const first = await examiner.examine(MESSAGE);
    await examiner.examine(MESSAGE);
    expect(examiner.dns.questions.sort()).toEqual(['TXT _dmarc.x.example', 'TXT b.x.example']);
    expect(first).toMatchObject({ dkim: [], spf: null, arc: null });
    expect(first.dmarc).toEqual({ domain: 'x.example', policy: 'reject', result: null });
  });

  it.each<[string, string | null, object, boolean | null]>([
    ['and will be signed', null, { willSign: ['X.Example'] }, true],
    ['and has a covered return path', 'v=spf1 include:_spf.up.example -all', { upstreams: ['covered'] }, true],
    ['and has one of which that is not known', 'v=spf1 include:_spf.up.example -all', {}, null],
    ['and may leave through either', 'v=spf1 include:_spf.up.example -all', { upstreams: ['covered', 'main'] }, null],
    ['and whose return path has no record', null, {}, false],
    ['and has no return path', 'v=spf1 +all', { returnPath: null }, false],
    ['and has one elsewhere', 'v=spf1 +all', { returnPath: { domain: 'y.example' } }, false],
    ['and has an address literal for one', 'v=spf1 +all', { returnPath: { domain: '[192.0.2.1]' } }, false],
  ])('%s', async (_name, spf, input, willPass) => {
    if (spf) examiner.dns.zone['b.x.example'] = { TXT: [spf] };
    expect((await examiner.examine(MESSAGE, input)).prediction.willPass).toBe(willPass);
  });

  it.each(['servfail', 'silent', 'garbage', 'refused'] as const)('while the DNS is %s is not known', async trouble => {
    examiner.dns.zone = { '*': trouble };
    const { dmarc, prediction } = await examiner.examine(MESSAGE);
    expect(dmarc).toEqual({ domain: 'x.example', policy: null, result: 'temperror' });
    expect(prediction).toMatchObject({ spf: 'temperror', willPass: null });
  });
});

describe('the From field', () => {
  const from = (value: string) => examiner.examine(MESSAGE.replace('Shop <shop@x.example>', value));

  it.each([
    ['Shop <shop@news.X.EXAMPLE>', 'news.x.example', 'reject'],
    ['shop@y.example', 'y.example', null],
    ['=?utf-8?q?S?= (at x.example) <shop@y.example>', 'y.example', null],
    ['a@y.example, b@x.example', 'x.example', 'reject'],
    ['b@x.example, a@y.example', 'x.example', 'reject'],
    ['G: a@y.example;, b@quiet.example', 'quiet.example', 'none'],
  ])('%s is judged as %s', async (value, domain, policy) => {
    examiner.dns.zone['_dmarc.quiet.example'] = { TXT: ['v=DMARC1; p=none'] };
    expect((await from(value)).dmarc).toMatchObject({ domain, policy });
  });

  it.each([
    'undisclosed:;',
    'a@x.example@y.example',
    'shop',
    'shop@[192.0.2.1]',
    'a@a.example, a@b.example, a@c.example, a@d.example, a@e.example, a@f.example',
    'a@x.example\r\nFrom: a@y.example',
    `${'a@x.example, '.repeat(1_000)}a@x.example`,
  ])('%j is not understood', async value => {
    const { dmarc, prediction } = await from(value);
    expect(dmarc).toEqual({ domain: null, policy: null, result: 'permerror' });
    expect(prediction).toMatchObject({ willPass: false });
  });
});
