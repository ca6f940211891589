// Signatures, as verifiers see them; which keys sign, and how soon a change of them is followed.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeKeys } from '../../../relay/domains/make-keys.ts';
import { createKeyRing } from '../../../relay/signing/key-ring.ts';
import { createSigner, type Signer } from '../../../relay/signing/signer.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createSealer } from '../../../src/platform/sealing.ts';
import { activateKeys, insertKeys, type NewDkimKey } from '../../../src/store/dkim-keys.ts';
import { addDomain, removeDomain } from '../../../src/store/domains.ts';
import { cloneDatabase, type TestDatabase } from '../../support/database.ts';
import { has, unlessInstalled } from '../../support/programs.ts';
import { byDkimpy, byMailauth } from './verifiers.ts';

const sealer = createSealer(randomBytes(32));
const NOW = Date.parse('2026-11-23T12:00:00Z');
const zone: Record<string, string> = {};
let database: TestDatabase;
let signer: Signer;
let now = NOW;
let queries = 0;

beforeAll(async () => {
  database = await cloneDatabase();
  await database.rows(`insert into tenants (tenant_id) values ('other')`);
  await addSigning('example.com');
  await addSigning('shop.example.com');
  await addSigning('other.example', 'other');
  await addSigning('xn--bcher-kva.example');
});
afterAll(() => database.drop());
beforeEach(() => {
  now = NOW;
  queries = 0;
  signer = makeSigner();
});

function makeSigner(options: { sealer?: typeof sealer; rewritten?: string[] } = {}): Signer {
  const db = database.db.withPlugin({
    transformQuery: ({ node }) => {
      queries += 1;
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  const keys = createKeyRing({
    db,
    sealer: async () => options.sealer ?? sealer,
    clock: () => now,
    log: createLog('silent'),
  });
  return createSigner({ keys, clock: () => now, rewritten: new Set(options.rewritten) });
}

async function addSigning(domain: string, tenantId = 'default'): Promise<readonly NewDkimKey[]> {
  await addDomain(database.db, domain, tenantId);
  const keys = await makeKeys(domain, { now: new Date(NOW), taken: [], sealer });
  await insertKeys(database.db, keys);
  await activateKeys(
    database.db,
    domain,
    keys.map(({ selector }) => selector),
  );
  for (const { selector, algorithm, publicKey } of keys)
    zone[`${selector}._domainkey.${domain}`] =
      `v=DKIM1; k=${algorithm === 'rsa-sha256' ? 'rsa' : 'ed25519'}; p=${publicKey}`;
  return keys;
}

const HEADER = [
  'Received: from app ([192.0.2.1])\r\n\tby relay with ESMTPSA id 1;\r\n\tMon, 23 Nov 2026 12:00:00 +0000\r\n',
  'From: =?utf-8?Q?J=C3=B6rg?= <joerg@example.com>\r\nTo: a@example.net,\r\n b@example.net\r\nSubject:  two  spaces\t\r\n' +
    'Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n' +
    'Content-Type: text/plain; charset=utf-8\r\nList-Unsubscribe: <https://example.com/u>\r\nX-Other: y\r\n',
];
const BODY = 'Grüße  und\tKüsse \r\n\r\nx\r\n\r\n\r\n';

const message = (body = BODY, header = HEADER) => ({
  header: header.map(piece => Buffer.from(piece)),
  body: Buffer.from(body),
  alreadySigned: [] as string[],
});
const whole = (signatures: string, { header, body }: ReturnType<typeof message>) =>
  Buffer.concat([Buffer.from(signatures), ...header, Buffer.from('\r\n'), body]);
const sign = (domains: string[], tenant = 'default') => signer.sign(tenant, domains, message());
const signedBy = (fields: string) => [...fields.matchAll(/; d=|\td=([^;]+);/g)].map(([, domain]) => domain);

describe('a signature', () => {
  it('is one field an algorithm, folded, with what it says in the open', async () => {
    const fields = await sign(['example.com']);
    const unfolded = fields.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
    expect(unfolded).toHaveLength(3);
    expect(unfolded[0]).toMatch(
      /^DKIM-Signature: v=1; a=rsa-sha256; c=relaxed\/relaxed; d=example\.com; s=p202611r; t=1795435200; h=From: ?From: ?/,
    );
    expect(unfolded[1]).toMatch(/ a=ed25519-sha256; c=relaxed\/relaxed; d=example\.com; s=p202611e; /);
    expect(fields).not.toMatch(/[;\s](l|i|x)=/);
    expect(fields.split('\r\n').filter(line => line.length > 78)).toEqual([]);
    expect(fields).not.toMatch(/[^\r]\n|\r[^\n]|[^\x09\x0d\x0a\x20-\x7e]/);
  });

  it('passes at mailauth, both of them', async () => {
    expect(await byMailauth(whole(await sign(['example.com']), message()), zone)).toEqual([
      'rsa-sha256 pass',
      'ed25519-sha256 pass',
    ]);
  });

  it.skipIf(!has('dkimverify'))(`passes at dkimpy, both of them${unlessInstalled('dkimverify')}`, async () => {
    expect(byDkimpy(whole(await sign(['example.com']), message()), zone, 2)).toEqual([
      'rsa-sha256 pass',
      'ed25519-sha256 pass',
    ]);
  });

  it('passes whatever the message: no body, no last CRLF, folded and empty fields, white space everywhere', async () => {
    const part = fc.constantFrom(' ', '\t', '  ', 'a', 'ü', '.', '\r\n', '\r\n\r\n', '=', 'x'.repeat(990));
    const value = fc.array(fc.constantFrom(' ', '\t', 'a', 'ü', ':', '\r\n\t', '\r\n '), { maxLength: 12 });
    const name = fc.constantFrom('From', 'FROM', 'To', 'Subject', 'subject', 'References', 'X-Y', 'List-Id', 'Date');
    const field = fc.tuple(name, value).map(([title, parts]) => `${title}: v${parts.join('')}v\r\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(field, { maxLength: 8 }), fc.array(part, { maxLength: 20 }), async (fields, parts) => {
        const unsigned = message(parts.join(''), ['From: a@example.com\r\n', ...fields]);
        const signatures = await signer.sign('default', ['example.com'], unsigned);
        const all = await byMailauth(whole(signatures, unsigned), zone);
        expect(all).toEqual(['rsa-sha256 pass', 'ed25519-sha256 pass']);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['a second From', 'From: evil@example.org\r\n'],
    ['a second Subject', 'Subject: pay now\r\n'],
    ['a Reply-To, of which there was none', 'Reply-To: evil@example.org\r\n'],
    ['a Cc, of which there was none', 'Cc: everybody@example.org\r\n'],
    ['a second Content-Type', 'Content-Type: text/html\r\n'],
  ])('breaks by %s', async (_title, added) => {
    const signed = whole(`${added}${await sign(['example.com'])}`, message());
    expect(new Set(await byMailauth(signed, zone))).toEqual(new Set(['rsa-sha256 fail', 'ed25519-sha256 fail']));
  });

  it('breaks by another body, not by a trace field', async () => {
    const fields = await sign(['example.com']);
    expect(await byMailauth(whole(fields, message('other')), zone)).toEqual([
      'rsa-sha256 neutral',
      'ed25519-sha256 neutral',
    ]);
    expect(await byMailauth(whole(`Received: from x\r\n${fields}`, message()), zone)).toEqual([
      'rsa-sha256 pass',
      'ed25519-sha256 pass',
    ]);
  });

  it('survives an upstream that writes its own Message-ID and Date, when told of it', async () => {
    signer = makeSigner({ rewritten: ['message-id', 'date'] });
    const fields = await sign(['example.com']);
    const rewritten = HEADER.map(piece => piece.replace('<1@example.com>', '<2@upstream>').replace('12:00', '12:01'));
    expect(await byMailauth(whole(fields, message(BODY, rewritten)), zone)).toEqual([
      'rsa-sha256 pass',
      'ed25519-sha256 pass',
    ]);
  });
});

describe('the keys that sign', () => {
  it.each<[string, string[], string, string[]]>([
    ['those of the domain', ['example.com'], 'default', ['example.com', 'example.com']],
    [
      'those of the subdomain where it has its own',
      ['shop.example.com'],
      'default',
      ['shop.example.com', 'shop.example.com'],
    ],
    [
      'else those of the nearest domain above',
      ['a.shop.example.com'],
      'default',
      ['shop.example.com', 'shop.example.com'],
    ],
    ['whatever the case', ['News.EXAMPLE.com'], 'default', ['example.com', 'example.com']],
    [
      'of an international domain, by its A-labels',
      ['Bücher.example'],
      'default',
      Array(2).fill('xn--bcher-kva.example'),
    ],
    [
      'those of the first author who has some',
      ['nobody.example', 'example.com'],
      'default',
      ['example.com', 'example.com'],
    ],
    ['none for a domain without', ['nobody.example'], 'default', []],
    ['none for one that only ends alike', ['notexample.com'], 'default', []],
    ['none of another tenant', ['other.example'], 'default', []],
    ['those of the own tenant', ['other.example'], 'other', ['other.example', 'other.example']],
    ['none without an author', [], 'default', []],
    ['none for what is no domain', ['', '.', 'a..b', '[192.0.2.1]'], 'default', []],
  ])('%s', async (_title, domains, tenant, expected) => {
    expect(signedBy(await sign(domains, tenant))).toEqual(expected);
  });

  it('leave a valid signature of their domain alone, and not one of another', async () => {
    const unsigned = message();
    expect(await signer.sign('default', ['example.com'], { ...unsigned, alreadySigned: ['Example.com'] })).toBe('');
    const other = await signer.sign('default', ['example.com'], { ...unsigned, alreadySigned: ['esp.example'] });
    expect(signedBy(other)).toHaveLength(2);
  });

  it('cost no query a message, with keys or without', async () => {
    await sign(['example.com']);
    queries = 0;
    for (let i = 0; i < 50; i += 1) await sign([i % 2 ? 'example.com' : `nobody${i}.example`]);
    expect(queries).toBe(0);
    now += 1_600;
    await Promise.all(Array.from({ length: 20 }, () => sign(['example.com'])));
    expect(queries).toBe(1);
  });

  it('change within two seconds of their rows', async () => {
    expect(await sign(['late.example'])).toBe('');
    await addSigning('late.example');
    now += 2_000;
    expect(signedBy(await sign(['late.example']))).toHaveLength(2);
    await removeDomain(database.db, 'late.example');
    now += 2_000;
    expect(await sign(['late.example'])).toBe('');
  });

  it('go on when the database does not answer, once they are known', async () => {
    await sign(['example.com']);
    now += 60_000;
    await database.rows('alter table dkim_keys_revision rename to away');
    expect(signedBy(await sign(['example.com']))).toHaveLength(2);
    await expect(makeSigner().sign('default', ['example.com'], message())).rejects.toThrow('dkim_keys_revision');
    await database.rows('alter table away rename to dkim_keys_revision');
  });

  it('that do not open hold the message up: it is not sent without', async () => {
    signer = makeSigner({ sealer: createSealer(randomBytes(32)) });
    await expect(sign(['example.com'])).rejects.toThrow('is encrypted under another key');
    expect(await sign(['nobody.example'])).toBe('');
  });
});
