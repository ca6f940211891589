// Networks that need no login: who is meant, and what a session from there may do.
import { afterEach, describe, expect, it } from 'vitest';
import { createTrustedNetworks } from '../../../relay/listener/trusted-networks.ts';
import { createLog } from '../../../src/platform/log.ts';
import type { Credential } from '../../../src/store/credentials.ts';
import { IDENTITY } from '../../support/identity.ts';
import { startTestListener, type TestListener } from '../../support/listener.ts';
import { plain, SmtpClient } from '../../support/smtp-client.ts';

const credential = (name: string, ...networks: string[]): Credential => ({
  ...{ credentialId: name, tenantId: 'default', name, secretHash: '', mode: null, fromDomains: [], networks },
  ...{ authentication: 'observe', overQuota: 'defer', onSuppressed: 'accept', controlHeaders: true, dsn: 'asked' },
  ...{ createdAt: new Date(0), lastUsedAt: null },
});

function knowing(...credentials: Credential[]) {
  const state = { credentials, now: 0, reads: 0, used: [] as string[], isAway: false };
  const trusted = createTrustedNetworks({
    list: async () => {
      state.reads += 1;
      if (state.isAway) throw new Error('the database is away');
      return state.credentials;
    },
    noteUse: id => void state.used.push(id),
    defaultMode: 'live',
    clock: () => state.now,
    log: createLog('silent', { write: () => undefined }),
  });
  return { state, who: async (address: string) => (await trusted(address))?.credentialName ?? null, trusted };
}

describe('an address', () => {
  it('is the credential with the narrowest network, of two that are the same the older one', async () => {
    const { who } = knowing(
      credential('wide', '10.0.0.0/8', '2001:db8::/32'),
      credential('narrow', '10.1.0.0/16', '10.2.2.2/32'),
      credential('older', '192.0.2.0/24'),
      credential('younger', '192.0.2.0/24'),
    );
    const expected = {
      '10.9.9.9': 'wide',
      '10.1.9.9': 'narrow',
      '10.2.2.2': 'narrow',
      '::ffff:10.1.0.1': 'narrow',
      '10.2.2.3': 'wide',
      '192.0.2.200': 'older',
      '2001:db8::1': 'wide',
      '2001:db9::1': null,
      '172.16.0.1': null,
      '': null,
    };
    for (const [address, name] of Object.entries(expected))
      expect([address, await who(address)]).toEqual([address, name]);
  });

  it('is looked up in memory, and in the database again after two seconds, once for all who ask', async () => {
    const { state, who, trusted } = knowing(credential('app', '10.0.0.0/8'));
    expect(await Promise.all([who('10.0.0.1'), who('10.0.0.2'), who('192.0.2.1')])).toEqual(['app', 'app', null]);
    state.now = 1_999;
    expect(trusted('10.0.0.1')).toMatchObject({ credentialName: 'app' });
    expect(state.reads).toBe(1);
    state.credentials = [];
    state.now = 2_000;
    expect(await who('10.0.0.1')).toBeNull();
    expect(state.reads).toBe(2);
    expect(state.used).toEqual(['app', 'app', 'app']);
  });

  it('keeps its meaning while the database is away, and nobody is trusted before it was read', async () => {
    const { state, who } = knowing(credential('app', '10.0.0.0/8'));
    state.isAway = true;
    expect(await who('10.0.0.1')).toBeNull();
    state.isAway = false;
    state.now = 2_000;
    expect(await who('10.0.0.1')).toBe('app');
    state.isAway = true;
    state.now = 4_000;
    expect(await who('10.0.0.1')).toBe('app');
  });

  it('waits for a database that hangs no longer than a second', async () => {
    const trusted = createTrustedNetworks({
      ...{ list: () => new Promise(() => undefined), noteUse: () => undefined, defaultMode: 'live', clock: () => 0 },
      log: createLog('silent', { write: () => undefined }),
    });
    expect(await trusted('10.0.0.1')).toBeNull();
  });
});

describe('a session from a trusted network', () => {
  let door: TestListener;
  const clients: SmtpClient[] = [];
  const LIMITED = { ...IDENTITY, credentialName: 'printer', fromDomains: ['printer.example'] };

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await door.stop(1);
  });
  const helloed = async (from = '127.0.0.3', hello = 'EHLO printer.example') => {
    const client = await SmtpClient.connect(door.smtpPort, { from });
    clients.push(client);
    await client.reply();
    await client.ask(hello);
    return client;
  };
  const trusting = (options: Parameters<typeof startTestListener>[0] = {}) =>
    startTestListener({ trusted: async address => (address === '127.0.0.3' ? LIMITED : null), ...options });

  it('sends without login, as its credential, and is marked so', async () => {
    door = await trusting();
    const client = await helloed();
    expect(await client.ask('MAIL FROM:<a@other.example>')).toBe(
      '553 5.7.1 <a@other.example> is not a sender of credential printer',
    );
    await client.submit('a@printer.example', ['c@d.example'], 'x\r\n');
    expect(door.submissions[0]).toMatchObject({
      identity: { credentialName: 'printer' },
      session: { authenticated: false, protocol: 'ESMTP', remoteAddress: '127.0.0.3' },
    });
    expect(await (await helloed('127.0.0.4')).ask('MAIL FROM:<a@printer.example>')).toMatch(/^530 /);
  });

  it.each([
    ['HELO printer.example', '', false, 'SMTP'],
    ['EHLO printer.example', '', false, 'ESMTP'],
    ['EHLO printer.example', ' SMTPUTF8', false, 'UTF8SMTP'],
    ['EHLO printer.example', '', true, 'ESMTPS'],
    ['EHLO printer.example', ' SMTPUTF8', true, 'UTF8SMTPS'],
  ])('is named after RFC 3848: %s%s, TLS %s: %s', async (hello, parameter, tls, protocol) => {
    door = await trusting();
    const client = await helloed('127.0.0.3', hello);
    if (tls) {
      await client.startTls();
      expect(await client.ask('MAIL FROM:<a@printer.example>')).toMatch(/^503 /);
      await client.ask(hello);
    }
    for (const command of [`MAIL FROM:<a@printer.example>${parameter}`, 'RCPT TO:<c@d.example>', 'DATA']) {
      expect(await client.ask(command)).toMatch(/^[23]/);
    }
    await client.ask('x\r\n.');
    expect(door.submissions[0]!.session).toMatchObject({ protocol, authenticated: false });
  });

  it('may log in as somebody else, and stays who it was when that fails', async () => {
    door = await trusting();
    const client = await helloed();
    expect(await client.ask(`AUTH PLAIN ${plain('app', 'wrong')}`)).toMatch(/^535 /);
    await client.submit('a@printer.example', ['c@d.example'], 'x\r\n');
    expect(await client.ask(`AUTH PLAIN ${plain('app', 'app-password')}`)).toMatch(/^235 /);
    await client.submit('a@other.example', ['c@d.example'], 'y\r\n');
    expect(door.submissions.map(({ identity, session }) => [identity.credentialName, session.protocol])).toEqual([
      ['printer', 'ESMTP'],
      ['app', 'ESMTPA'],
    ]);
  });

  it('is known on a port of both families too, where IPv4 looks like IPv6', async () => {
    door = await trusting({ host: '::', trusted: address => (address.endsWith('127.0.0.3') ? LIMITED : null) });
    const client = await helloed();
    await client.submit('a@printer.example', ['c@d.example'], 'x\r\n');
    expect(door.submissions[0]!.session.remoteAddress).toBe('127.0.0.3');
    expect(await (await helloed('127.0.0.4')).ask('EHLO x')).toContain('AUTH PLAIN');
  });

  it('counts as a client’s: its limit and its patience are those of whoever logged in', async () => {
    door = await trusting({ maxStrangersPerHost: 1, maxClientsPerHost: 3, patience: { strangerMs: 50 } });
    const three = await Promise.all([helloed(), helloed(), helloed()]);
    const fourth = await SmtpClient.connect(door.smtpPort, { from: '127.0.0.3' });
    clients.push(fourth);
    expect(await fourth.reply()).toMatch(/^421 4\.7\.0 Too many sessions from your address/);
    const stranger = await helloed('127.0.0.4');
    expect(await stranger.reply()).toBe('421 4.3.2 Timeout - closing connection');
    for (const client of three) expect(await client.ask('NOOP')).toMatch(/^250 /);
  });
});
