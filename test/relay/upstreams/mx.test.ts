// Direct delivery: hosts of the test stand at loopback addresses of their own, a name server says which domain has which.
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StsPolicy } from '../../../relay/upstreams/mta-sts.ts';
import { type DirectMxOptions, MxUpstream } from '../../../relay/upstreams/mx.ts';
import { plainDns, validatedDns } from '../../../relay/upstreams/mx-dns.ts';
import { createResolver } from '../../../src/platform/resolver.ts';
import { createValidatedLookup } from '../../../src/platform/validated-lookup.ts';
import { makeCa, type TestCa } from '../../support/certificates.ts';
import { type NameServer, startNameServer } from '../../support/dns.ts';
import { eventually } from '../../support/eventually.ts';
import { type Certificate, type Script, ScriptedUpstream } from '../../support/upstream.ts';
import { attempt, envelope, FakeNeighbours, HELLO, NEVER, settingsOf } from './support.ts';

const ACCEPTED = 'accepted: 250 2.0.0 ok queued';
const PLAIN: Script = { startTls: '454 4.7.0 unused', ehlo: '250 upstream.test' };
const REFUSED: Script = { startTls: '454 4.7.0 not today' };
let dns: NameServer;
let port: number;
let now: number;
const undo: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dns = await startNameServer({});
  undo.push(() => dns.stop());
  port = 0;
  now = 1_000_000;
});
afterEach(async () => {
  for (const action of undo.splice(0).reverse()) await action();
});

/** All on the port of the first. */
async function host(address: string, script: Script = {}, certificate?: Certificate): Promise<ScriptedUpstream> {
  const server = await ScriptedUpstream.start(script, { host: address, port, ...(certificate ? { certificate } : {}) });
  port = server.port;
  undo.push(() => server.stop());
  return server;
}

function direct(query = '', options: Partial<DirectMxOptions> = {}): MxUpstream {
  const clock = () => now;
  const resolve = createResolver({ servers: [dns.address], clock, timeoutMs: 500 });
  const made = new MxUpstream({
    settings: settingsOf('mx', `mx://?private=allow&port=${port}${query}`),
    ...{ clientName: 'gateway.test', hostname: 'gateway.test', replyTimeoutMs: 3_000, connectTimeoutMs: 1_000 },
    ...{
      clock,
      resolve,
      dns: plainDns(resolve),
      random: () => 0.5,
      deadlineMs: 8_000,
      findStsPolicy: async () => null,
    },
    ...options,
  });
  undo.push(() => made.close());
  return made;
}

const at = (...addresses: string[]) => ({ A: addresses });
const mx = (...hosts: (string | [number, string])[]) => ({
  MX: hosts.map((entry, i) =>
    typeof entry === 'string'
      ? { priority: 10 * (i + 1), exchange: entry }
      : { priority: entry[0], exchange: entry[1] },
  ),
});

describe('the hosts of a domain (RFC 5321 section 5.1)', () => {
  it('are tried in the order of their preference, and the next one when one cannot be talked to', async () => {
    const [first, second] = [await host('127.0.0.2'), await host('127.0.0.3')];
    dns.zone = {
      'x.example': mx([20, 'b.x.example'], [10, 'a.x.example']),
      'a.x.example': at('127.0.0.2'),
      'b.x.example': at('127.0.0.3'),
    };
    expect(await attempt(direct())).toEqual([ACCEPTED]);
    expect([first.messages.length, second.messages.length]).toEqual([1, 0]);
    await first.stop();
    const report = await direct().attempt(envelope('a@x.example'), HELLO, NEVER);
    expect(report).toMatchObject({ results: [{ kind: 'accepted' }], remoteAddress: `127.0.0.3:${port}` });
  });

  it.each<[string, Script]>([
    ['says that it is busy', { banner: '421 4.3.2 busy' }],
    ['does not want us', { banner: '554 5.7.1 not you' }],
    ['closes', { banner: 'CLOSE' }],
    ['says nothing', { banner: 'HANG' }],
    ['talks nonsense', { banner: { raw: 'hello\r\n' } }],
    ['breaks off at RCPT', { rcpt: { '*': 'CLOSE' } }],
    ['breaks off at DATA', { data: 'CLOSE' }],
    ['goes away at MAIL', { mail: { say: '421 4.3.2 bye', thenClose: true } }],
  ])('are each given their chance before the last dot: one that %s', async (_what, script) => {
    const [, second] = [await host('127.0.0.2', script), await host('127.0.0.3')];
    dns.zone = {
      'x.example': mx('a.x.example', 'b.x.example'),
      'a.x.example': at('127.0.0.2'),
      'b.x.example': at('127.0.0.3'),
    };
    expect(await attempt(direct('', { deadlineMs: 2_000 }))).toEqual([ACCEPTED]);
    expect(second.messages).toHaveLength(1);
  });

  it.each<[string, Script, string]>([
    ['silent after the last dot', { final: 'CLOSE' }, 'uncertain at final'],
    ['of no such user', { rcpt: { '*': '550 5.1.1 who?' } }, 'refused at rcpt, recipient: 550 5.1.1 who?'],
    ['greylisting', { rcpt: { '*': '450 4.2.0 later' } }, 'refused at rcpt, recipient: 450 4.2.0 later'],
  ])('that have given their verdict are the last to be asked: %s', async (_what, script, expected) => {
    const [, second] = [await host('127.0.0.2', script), await host('127.0.0.3')];
    dns.zone = {
      'x.example': mx('a.x.example', 'b.x.example'),
      'a.x.example': at('127.0.0.2'),
      'b.x.example': at('127.0.0.3'),
    };
    expect(await attempt(direct())).toEqual([expected]);
    expect(second.connections).toBe(0);
  });

  it('of which the only one breaks off may be well for the next message', async () => {
    const server = await host('127.0.0.2', { data: ['CLOSE', '354 go'] });
    dns.zone = { '*': at('127.0.0.2') };
    const upstream = direct();
    expect(await attempt(upstream)).toEqual(['unreachable at data']);
    expect(await attempt(upstream, envelope('a@y.example'))).toEqual([ACCEPTED]);
    expect(server.connections).toBe(2);
  });

  it('of the same preference share the load', async () => {
    const servers = [await host('127.0.0.2'), await host('127.0.0.3')];
    dns.zone = {
      'x.example': mx([10, 'a.x.example'], [10, 'b.x.example']),
      'a.x.example': at('127.0.0.2'),
      'b.x.example': at('127.0.0.3'),
    };
    for (const lots of [
      [0.1, 0.9],
      [0.9, 0.1],
    ]) {
      let drawn = 0;
      expect(await attempt(direct('', { random: () => lots[drawn++]! }))).toEqual([ACCEPTED]);
    }
    expect(servers.map(({ messages }) => messages.length)).toEqual([1, 1]);
  });

  it('may have several addresses', async () => {
    const second = await host('127.0.0.3');
    dns.zone = { 'x.example': mx('a.x.example'), 'a.x.example': at('127.0.0.2', '127.0.0.3') };
    expect(await attempt(direct())).toEqual([ACCEPTED]);
    expect(second.messages).toHaveLength(1);
  });

  it('without MX are the domain itself', async () => {
    const server = await host('127.0.0.2');
    dns.zone = { 'x.example': at('127.0.0.2') };
    expect(await attempt(direct())).toEqual([ACCEPTED]);
    expect(server.messages).toHaveLength(1);
  });

  it('are an address where the recipient has one for a domain (section 4.1.3)', async () => {
    const server = await host('127.0.0.2');
    expect(await attempt(direct(), envelope('a@[127.0.0.2]'))).toEqual([ACCEPTED]);
    expect(server.messages[0]!.rcpts).toEqual(['RCPT TO:<a@[127.0.0.2]>']);
    expect(dns.questions).toEqual([]);
  });

  it('are found for a domain beyond ASCII by its A-label', async () => {
    await host('127.0.0.2');
    dns.zone = { 'xn--bcher-kva.example': mx('a.x.example'), 'a.x.example': at('127.0.0.2') };
    expect(await attempt(direct(), envelope('a@Bücher.example', 'b@xn--bcher-kva.example'))).toEqual([
      ACCEPTED,
      ACCEPTED,
    ]);
  });

  it('before ourselves in the list are the only ones', async () => {
    const server = await host('127.0.0.2');
    dns.zone = {
      'x.example': mx([10, 'a.x.example'], [20, 'GATEWAY.test'], [20, 'b.x.example'], [30, 'c.x.example']),
      'a.x.example': at('127.0.0.2'),
      '*': at('127.0.0.2'),
    };
    expect(await attempt(direct())).toEqual([ACCEPTED]);
    await server.stop();
    expect(await attempt(direct())).toEqual(['unreachable at connect']);
    expect(dns.questions.filter(question => /[bc]\.x\.example/.test(question))).toEqual([]);
  });
});

describe('nowhere to go', () => {
  it.each<[string, object, string]>([
    ['a null MX (RFC 7505)', { 'x.example': mx([0, '']) }, 'refused at rcpt, recipient: 556 5.1.10'],
    ['no such domain', {}, 'refused at rcpt, recipient: 550 5.1.2'],
    ['neither MX nor address', { 'x.example': { TXT: ['x'] } }, 'refused at rcpt, recipient: 550 5.4.4'],
    ['only ourselves', { 'x.example': mx('gateway.test') }, 'refused at rcpt, recipient: 554 5.4.6'],
    ['MX hosts without an address', { 'x.example': mx('a.x.example') }, 'refused at connect, network: 451 4.4.4'],
    ['the DNS fails', { 'x.example': 'servfail' }, 'refused at connect, network: 451 4.4.3'],
    ['the DNS refuses', { 'x.example': 'refused' }, 'refused at connect, network: 451 4.4.3'],
    ['the DNS is silent', { '*': 'silent' }, 'refused at connect, network: 451 4.4.3'],
    [
      'the DNS fails for the host',
      { 'x.example': mx('a.x.example'), 'a.x.example': 'servfail' },
      'refused at connect, network: 451 4.4.3',
    ],
    ['nobody listens', { 'x.example': at('127.0.0.2') }, 'unreachable at connect'],
  ])('%s', async (_what, zone, expected) => {
    port = 1;
    dns.zone = zone as NameServer['zone'];
    const [result] = await attempt(direct());
    expect(result!.slice(0, expected.length)).toBe(expected);
  });

  it.each(['127.0.0.2', '10.1.2.3', '169.254.1.1', '100.64.0.1', '::ffff:127.0.0.2'])(
    'but to %s, which is no public address, unless the URL allows it',
    async address => {
      const server = await host('127.0.0.2');
      dns.zone = { 'x.example': address.includes(':') ? { AAAA: ['0:0:0:0:0:ffff:7f00:2'] } : at(address) };
      const settings = settingsOf('mx', `mx://?port=${port}`);
      expect((await attempt(direct('', { settings })))[0]).toMatch(/^refused at connect, network: 451 4\.4\.4 /);
      const literal = await attempt(direct('', { settings }), envelope('a@[127.0.0.2]'));
      expect(literal[0]).toMatch(/^refused at connect, network: 451 4\.4\.4 /);
      expect(server.connections).toBe(0);
    },
  );
});

describe('recipients of several domains', () => {
  it('go to their own hosts, one transaction a domain, each with its own result, in order', async () => {
    const x = await host('127.0.0.2', { rcpt: { 'no@x.example': '550 5.1.1 nobody' } });
    const y = await host('127.0.0.3', { startTls: 'works' });
    dns.zone = { 'x.example': at('127.0.0.2'), 'y.example': at('127.0.0.3'), 'z.example': mx([0, '']) };
    const to = envelope('a@x.example', 'b@Y.example', 'c@z.example', 'no@X.EXAMPLE', 'no@x.example', 'd@y.example');
    const upstream = direct();
    const report = await upstream.attempt(to, HELLO, NEVER);
    const kinds = report.results.map(result => ('reply' in result ? result.reply.code : result.kind));
    expect(kinds).toEqual([250, 250, 556, 250, 550, 250]);
    expect(x.messages.map(({ rcpts }) => rcpts.length)).toEqual([2]);
    expect(y.messages[0]!.rcpts).toEqual(['RCPT TO:<b@Y.example>', 'RCPT TO:<d@y.example>']);
    const [atX, atY] = [`127.0.0.2:${port}`, `127.0.0.3:${port}`];
    expect(report.peers!.map(peer => peer.remoteAddress)).toEqual([atX, atY, null, atX, atX, atY]);
    expect(report.peers!.map(peer => peer.tls !== null)).toEqual([false, true, false, false, false, true]);
  });

  it('do not wait for a slow one beyond the deadline, and have their results by then', async () => {
    const x = await host('127.0.0.2');
    const slow = await host('127.0.0.3', { rcpt: { '*': 'HANG' } });
    dns.zone = { 'x.example': at('127.0.0.2'), 'slow.example': at('127.0.0.3') };
    const upstream = direct('', { deadlineMs: 500, replyTimeoutMs: 60_000 });
    const to = envelope('a@slow.example', 'b@x.example');
    expect(await attempt(upstream, to)).toEqual(['unreachable at rcpt', ACCEPTED]);
    expect([x.messages.length, slow.connections]).toEqual([1, 1]);
  });

  it('after the last dot are not cut off by the deadline', async () => {
    const x = await host('127.0.0.2', { final: 'HANG' });
    dns.zone = { 'x.example': at('127.0.0.2') };
    const upstream = direct('', { deadlineMs: 300, replyTimeoutMs: 1_000 });
    const { results } = await upstream.attempt(envelope('a@x.example'), HELLO, NEVER);
    expect(results).toEqual([{ kind: 'uncertain', stage: 'final', error: 'no reply within 1000 ms' }]);
    expect(x.messages).toHaveLength(1);
  });

  it('are told to end like any other', async () => {
    const server = await host('127.0.0.2', { rcpt: { '*': 'HANG' } });
    dns.zone = { '*': at('127.0.0.2') };
    const abort = new AbortController();
    const result = direct().attempt(envelope('a@x.example', 'b@y.example'), HELLO, abort.signal);
    await eventually(() => expect(server.conversations.flat().filter(line => line.startsWith('RCPT'))).toHaveLength(2));
    abort.abort();
    const ended = { kind: 'unreachable', stage: 'rcpt', error: 'shutting down' };
    expect((await result).results).toEqual([ended, ended]);
  });
});

describe('sessions', () => {
  it('are kept for their domain, and used again', async () => {
    const server = await host('127.0.0.2');
    dns.zone = { '*': at('127.0.0.2') };
    const upstream = direct();
    for (const domain of ['x', 'y', 'x', 'y']) {
      expect(await attempt(upstream, envelope(`a@${domain}.example`))).toEqual([ACCEPTED]);
    }
    expect(server.connections).toBe(2);
    await upstream.close();
    await eventually(() => expect(server.openConnections).toBe(0));
  });

  it('are at most so many a domain, and so many in all', async () => {
    const server = await host('127.0.0.2', { mail: '250 ok' });
    dns.zone = { '*': at('127.0.0.2') };
    let most = 0;
    server.onConnection = () => {
      most = Math.max(most, server.openConnections);
    };
    const one = direct('&connections=2');
    await Promise.all(Array.from({ length: 12 }, () => attempt(one)));
    expect(server.connections).toBeLessThanOrEqual(2);
    most = 0;
    const all = direct('&connections=2&total=3');
    const domains = Array.from({ length: 12 }, (_, i) => envelope(`a@d${i}.example`));
    expect((await Promise.all(domains.map(to => attempt(all, to)))).flat()).toEqual(Array(12).fill(ACCEPTED));
    // Three at work, and as many kept; the two of before are still there.
    expect(most).toBeLessThanOrEqual(2 + 6);
  });

  it('are shared with the other processes, a domain’s and all of them', async () => {
    const server = await host('127.0.0.2', { final: 'HANG' });
    dns.zone = { '*': at('127.0.0.2') };
    const neighbours = new FakeNeighbours(2);
    const upstream = direct('&connections=2&total=6', { pace: neighbours.pace });
    const abort = new AbortController();
    const to = ['a@x.example', 'b@x.example', 'a@y.example', 'a@z.example', 'a@w.example'];
    const all = to.map(address => attempt(upstream, envelope(address), HELLO, abort.signal));
    await eventually(() => expect(server.messages).toHaveLength(3));
    const domains = () => server.messages.map(({ rcpts }) => /@(\w)/.exec(rcpts[0]!)![1]).sort();
    expect([domains(), server.openConnections]).toEqual([['x', 'y', 'z'], 3]);
    neighbours.become(1);
    await eventually(() => expect(server.messages).toHaveLength(5));
    expect(domains()).toEqual(['w', 'x', 'x', 'y', 'z']);
    abort.abort();
    await Promise.all(all);
    await upstream.close();
    expect(neighbours.listeners.size).toBe(0);
  });

  it('that are waited for too long send the mail back to the queue', async () => {
    const server = await host('127.0.0.2', { final: 'HANG' });
    dns.zone = { '*': at('127.0.0.2') };
    const upstream = direct('&connections=1', { patienceMs: 200, replyTimeoutMs: 1_500 });
    const first = attempt(upstream);
    await eventually(() => expect(server.messages).toHaveLength(1));
    expect(await attempt(upstream)).toEqual([
      'refused at connect, recipient: 451 4.3.2 too much mail for the same hosts is under way',
    ]);
    server.script = {};
    expect(await attempt(upstream, envelope('a@y.example'))).toEqual([ACCEPTED]);
    expect(await first).toEqual(['uncertain at final']);
  });

  it('with a host that was away a moment ago are not tried, until a while has passed', async () => {
    const server = await host('127.0.0.2');
    dns.zone = { '*': at('127.0.0.2') };
    const upstream = direct();
    await server.stop();
    await attempt(upstream);
    await server.listen();
    const { results } = await upstream.attempt(envelope('a@y.example'), HELLO, NEVER);
    expect(results[0]).toMatchObject({
      kind: 'unreachable',
      error: expect.stringContaining('was away: connect ECONN'),
    });
    now += 31_000;
    expect(await attempt(upstream)).toEqual([ACCEPTED]);
  });
});

it('the words of a host about itself are not about an account of ours', async () => {
  await host('127.0.0.2', { rcpt: { '*': '554 5.7.1 Relay access denied' }, final: '451 4.3.0 no disk' });
  dns.zone = { '*': at('127.0.0.2') };
  expect(await attempt(direct())).toEqual(['refused at rcpt, recipient: 554 5.7.1 Relay access denied']);
});

it('a look without mail asks the DNS whether it is there', async () => {
  port = 25;
  await expect(direct().probe(NEVER)).resolves.toEqual({ remoteAddress: null, tls: null });
  dns.zone = { '*': 'silent' };
  await expect(direct().probe(NEVER)).rejects.toThrow('ETIMEOUT');
});

describe('TLS', () => {
  it.each<[string, Script, string, string, boolean]>([
    ['is used where it is offered, with any certificate', { startTls: 'works' }, '', ACCEPTED, true],
    ['is not missed where it is not', {}, '', ACCEPTED, false],
    ['that fails is done without, in a session of its own', { startTls: 'garbage' }, '', ACCEPTED, false],
    ['that fails is not, where it is required', { startTls: 'garbage' }, '&tls=required', 'refused at tls', false],
    ['is required where the URL says so', {}, '&tls=required', 'refused at tls', false],
    ['is verified where the URL says so', { startTls: 'works' }, '&tls=verify', 'refused at tls', false],
    ['is never used where the URL says so', { startTls: 'works' }, '&tls=none', ACCEPTED, false],
  ])('%s', async (_what, script, query, expected, isEncrypted) => {
    const server = await host('127.0.0.2', script);
    dns.zone = { '*': at('127.0.0.2') };
    const [result] = await attempt(direct(query));
    expect(result!.slice(0, expected.length)).toBe(expected);
    expect(server.messages.map(({ tls }) => tls)).toEqual(expected === ACCEPTED ? [isEncrypted] : []);
  });
});

describe('MTA-STS and DANE', () => {
  let ca: TestCa;
  let directory: string;
  let trusted: string;
  beforeAll(async () => {
    ca = await makeCa();
    directory = await mkdtemp(join(tmpdir(), 'mx-'));
    trusted = join(directory, 'ca.pem');
    await writeFile(trusted, ca.cert);
  });
  afterAll(() => rm(directory, { recursive: true }));

  const zone = () => ({ 'x.example': mx('a.x.example'), 'a.x.example': at('127.0.0.2') });
  const sts = (mode: StsPolicy['mode'], ...names: string[]) => ({
    findStsPolicy: async (domain: string) =>
      domain === 'x.example' ? { mode, allows: (name: string) => names.includes(name) } : null,
  });

  it.each<[string, string[], StsPolicy['mode'], string, Script, string | RegExp]>([
    ['fits', ['a.x.example'], 'enforce', 'a.x.example', {}, /^TLSv1\.3 \(MTA-STS\)$/],
    ['is not for the host', ['b.x.example'], 'enforce', 'a.x.example', {}, 'refused at tls, recipient: 451 4.7.5 '],
    [
      'host is not named',
      ['a.x.example'],
      'enforce',
      'b.x.example',
      {},
      'refused at tls, recipient: 451 4.7.5 MTA-STS',
    ],
    ['TLS is not offered', ['a.x.example'], 'enforce', 'a.x.example', PLAIN, 'refused at tls, recipient: 451 4.7.5 '],
    ['TLS is refused', ['a.x.example'], 'enforce', 'a.x.example', REFUSED, 'refused at tls, recipient: 451 4.7.5 '],
    ['is only tested, and fits', ['a.x.example'], 'testing', 'a.x.example', {}, /\(MTA-STS testing\)$/],
    ['is only tested', ['b.x.example'], 'testing', 'a.x.example', {}, /\(MTA-STS testing would fail: ERR_TLS_CERT/],
    ['is only tested, host not named', ['a.x.example'], 'testing', 'b.x.example', {}, /would fail: host not named/],
  ])('an MTA-STS policy whose certificate %s', async (_what, names, mode, allowed, script, expected) => {
    const server = await host('127.0.0.2', { startTls: 'works', ...script }, await ca.issue(...names));
    dns.zone = zone();
    const upstream = direct(`&ca=${trusted}`, sts(mode, allowed));
    const report = await upstream.attempt(envelope('a@x.example'), HELLO, NEVER);
    if (typeof expected === 'string') {
      expect((await attempt(upstream))[0]!.slice(0, expected.length)).toBe(expected);
      expect(server.messages).toEqual([]);
    } else {
      expect(report.tls).toMatch(expected);
      expect(server.messages).toHaveLength(1);
    }
  });

  it('an MTA-STS policy sends mail to those of its hosts that fit, past those that do not', async () => {
    const [bad, good] = [
      await host('127.0.0.2', { startTls: 'works' }),
      await host('127.0.0.3', { startTls: 'works' }, await ca.issue('b.x.example')),
    ];
    dns.zone = { 'x.example': mx('a.x.example', 'b.x.example'), 'a.x.example': at('127.0.0.2'), '*': at('127.0.0.3') };
    const upstream = direct(`&ca=${trusted}`, sts('enforce', 'a.x.example', 'b.x.example'));
    expect(await attempt(upstream)).toEqual([ACCEPTED]);
    expect([bad.messages.length, good.messages.length]).toEqual([0, 1]);
  });

  /** The key of the certificate, as a record; `wrong` has another one. */
  function tlsa(certificate: Certificate, wrong = false) {
    const key = new X509Certificate(certificate.cert).publicKey.export({ type: 'spki', format: 'der' });
    const data = createHash('sha256')
      .update(wrong ? 'other' : key)
      .digest();
    return { usage: 3, selector: 1, matching: 1, data };
  }
  const withDane = () => ({
    dns: validatedDns(createValidatedLookup({ servers: [dns.address], clock: () => now, timeoutMs: 500 })),
  });
  const secure = { secure: true } as const;

  it.each<[string, (certificate: Certificate) => object, Script, string | RegExp]>([
    ['fits', c => ({ ...secure, TLSA: [tlsa(c)] }), {}, /^TLSv1\.3 \(DANE\)$/],
    ['does not fit', c => ({ ...secure, TLSA: [tlsa(c, true)] }), {}, 'refused at tls, recipient: 451 4.7.5 '],
    ['is there, but TLS is not', c => ({ ...secure, TLSA: [tlsa(c)] }), PLAIN, 'refused at tls, recipient: 451 4.7.5 '],
    ['was not validated', c => ({ TLSA: [tlsa(c, true)] }), {}, /^TLSv1\.3$/],
    ['does not exist', () => ({ ...secure, TLSA: [] }), {}, /^TLSv1\.3$/],
    ['is of no use', c => ({ ...secure, TLSA: [{ ...tlsa(c), usage: 1 }] }), {}, /^TLSv1\.3$/],
    ['is of no use, without TLS', c => ({ ...secure, TLSA: [{ ...tlsa(c), usage: 1 }] }), PLAIN, 'refused at tls'],
    ['cannot be had', () => 'servfail' as never, {}, 'refused at tls, recipient: 451 4.7.5 DANE'],
  ])('a record of DANE that %s', async (_what, record, script, expected) => {
    const certificate = await ca.issue('whoever.example');
    const server = await host('127.0.0.2', { startTls: 'works', ...script }, certificate);
    const [domain, machine] = [
      { ...zone()['x.example'], ...secure },
      { ...at('127.0.0.2'), ...secure },
    ];
    dns.zone = { 'x.example': domain, 'a.x.example': machine, [`_${port}._tcp.a.x.example`]: record(certificate) };
    const upstream = direct('', withDane());
    const report = await upstream.attempt(envelope('a@x.example'), HELLO, NEVER);
    if (typeof expected === 'string') {
      expect((await attempt(upstream))[0]!.slice(0, expected.length)).toBe(expected);
      expect(server.messages).toEqual([]);
    } else {
      expect(report.tls).toMatch(expected);
    }
  });

  it('DANE is asked for although half of the addresses cannot be had', async () => {
    const certificate = await ca.issue('whoever.example');
    const server = await host('127.0.0.2', { startTls: 'works' }, certificate);
    const validated = validatedDns(async (name, type) => {
      if (type === 'AAAA') throw Object.assign(new Error('failed'), { code: 'ESERVFAIL' });
      const lookup = createValidatedLookup({ servers: [dns.address], clock: () => now, timeoutMs: 500 });
      return lookup(name, type);
    });
    dns.zone = {
      'x.example': { ...zone()['x.example'], ...secure },
      'a.x.example': { ...at('127.0.0.2'), ...secure },
      [`_${port}._tcp.a.x.example`]: { ...secure, TLSA: [tlsa(certificate, true)] },
    };
    expect((await attempt(direct('', { dns: validated })))[0]).toMatch(/^refused at tls, recipient: 451 4\.7\.5 /);
    expect(server.messages).toEqual([]);
  });

  it.each(['x.example', 'a.x.example'])('DANE is not asked for where %s was not validated', async unsigned => {
    const certificate = await ca.issue('whoever.example');
    await host('127.0.0.2', { startTls: 'works' }, certificate);
    const name = `_${port}._tcp.a.x.example`;
    dns.zone = {
      'x.example': { ...zone()['x.example'], ...secure },
      'a.x.example': { ...at('127.0.0.2'), ...secure },
      [name]: 'servfail',
    };
    dns.zone[unsigned] = { ...(dns.zone[unsigned] as object), secure: undefined as never };
    expect(await attempt(direct('', withDane()))).toEqual([ACCEPTED]);
    expect(dns.questions).not.toContain(`TLSA ${name}`);
  });

  it('DANE is what counts where there are both', async () => {
    const certificate = await ca.issue('whoever.example');
    await host('127.0.0.2', { startTls: 'works' }, certificate);
    dns.zone = {
      'x.example': { ...zone()['x.example'], ...secure },
      'a.x.example': { ...at('127.0.0.2'), ...secure },
      [`_${port}._tcp.a.x.example`]: { ...secure, TLSA: [tlsa(certificate)] },
    };
    expect(await attempt(direct('', { ...withDane(), ...sts('enforce', 'b.x.example') }))).toEqual([ACCEPTED]);
  });
});
