// Connections through a load balancer, on the wire: whose they are, for limits, trace and login.
import { afterEach, describe, expect, it } from 'vitest';
import { IDENTITY } from '../../support/identity.ts';
import { startTestListener, type TestListener } from '../../support/listener.ts';
import { plain, SmtpClient } from '../../support/smtp-client.ts';

let door: TestListener;
const clients: SmtpClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await door.stop(1);
});

const BALANCER = '127.0.0.9';
const V1 = 'PROXY TCP4 192.0.2.7 192.0.2.8 4321 25\r\n';
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000207c000020810e10019', 'hex');
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
const AUTH = `AUTH PLAIN ${plain('app', 'app-password')}`;

async function connected(header: string | Buffer | null, port = door.smtpPort, from = BALANCER): Promise<SmtpClient> {
  const client = await SmtpClient.connect(port, { from });
  clients.push(client);
  if (header !== null) client.send(header);
  return client;
}

async function sessionOf(client: SmtpClient) {
  await client.ask('EHLO client.example');
  expect(await client.ask(AUTH)).toMatch(/^235 /);
  await client.submit('a@b.example', ['c@d.example'], 'x\r\n');
  return door.submissions.at(-1)!.session;
}

describe('behind a balancer', () => {
  it.each([
    ['version 1', V1],
    ['version 2', V2],
  ])('the client is who the header names (%s), with STARTTLS', async (_name, header) => {
    door = await startTestListener({ proxyNetworks: ['127.0.0.8/29'] });
    const client = await connected(header);
    expect(await client.reply()).toBe('220 gateway.test ESMTP');
    await client.ask('EHLO client.example');
    await client.startTls();
    expect(await sessionOf(client)).toMatchObject({ remoteAddress: '192.0.2.7', protocol: 'ESMTPSA' });
  });

  it.each([
    ['version 1', V1],
    ['version 2', V2],
  ])('the header comes before the handshake where TLS is implicit (%s)', async (_name, header) => {
    door = await startTestListener({ proxyNetworks: [BALANCER] });
    const client = await connected(header, door.smtpsPort);
    await client.handshake();
    expect(await client.reply()).toMatch(/^220 /);
    expect(await sessionOf(client)).toMatchObject({ remoteAddress: '192.0.2.7', protocol: 'ESMTPSA' });
  });

  it('the header may come in pieces, and with the first commands behind it', async () => {
    door = await startTestListener({ proxyNetworks: [BALANCER], insecureAuth: 'always' });
    const client = await connected(null);
    for (const byte of V1.slice(0, -1)) client.send(byte);
    client.send('\nEHLO client.example\r\n');
    expect(await client.reply()).toMatch(/^220 /);
    expect(await client.reply()).toMatch(/^250-gateway\.test greets client\.example/);
  });

  it.each([
    ['LOCAL', LOCAL],
    ['UNKNOWN', 'PROXY UNKNOWN\r\n'],
  ])('that does not say who it is, the address is the balancer’s: %s', async (_name, header) => {
    door = await startTestListener({ proxyNetworks: [BALANCER], insecureAuth: 'always' });
    const client = await connected(header);
    await client.reply();
    expect(await sessionOf(client)).toMatchObject({ remoteAddress: BALANCER });
  });

  it.each([
    ['named', V1],
    ['named as this machine', 'PROXY TCP4 127.0.0.1 127.0.0.1 4321 25\r\n'],
    ['not named', 'PROXY UNKNOWN\r\n'],
  ])('nobody is on this machine: AUTH in clear is not on offer for whoever is %s', async (_name, header) => {
    door = await startTestListener({ proxyNetworks: [BALANCER], insecureAuth: 'loopback' });
    const client = await connected(header);
    await client.reply();
    expect(await client.ask('EHLO client.example')).not.toContain('AUTH');
    expect(await client.ask(AUTH)).toMatch(/^538 5\.7\.11 /);
  });

  it('trust is in the client’s network, and never in the balancer’s', async () => {
    const trusted = (address: string) => (/^(127\.|192\.0\.2\.)/.test(address) ? IDENTITY : null);
    door = await startTestListener({ proxyNetworks: [BALANCER], trusted });
    const asked = async (header: string | Buffer) => {
      const client = await connected(header);
      await client.reply();
      await client.ask('EHLO client.example');
      return client.ask('MAIL FROM:<a@b.example>');
    };
    expect(await asked(V1)).toMatch(/^250 /);
    for (const header of [LOCAL, 'PROXY UNKNOWN\r\n', 'PROXY TCP4 198.51.100.1 192.0.2.8 1 25\r\n']) {
      expect(await asked(header)).toMatch(/^530 /);
    }
  });

  it('each client has its own limit of sessions, whatever the balancer', async () => {
    door = await startTestListener({ proxyNetworks: [BALANCER], maxStrangersPerHost: 2 });
    const greeting = async (header: string) => (await connected(header)).reply();
    expect(await greeting(V1)).toMatch(/^220 /);
    expect(await greeting(V1)).toMatch(/^220 /);
    expect(await greeting(V1)).toMatch(/^421 4\.7\.0 Too many sessions from your address/);
    expect(await greeting('PROXY TCP4 192.0.2.77 192.0.2.8 1 25\r\n')).toMatch(/^220 /);
  });
});

describe('a balancer that says something else', () => {
  it.each([
    ['a greeting', 'EHLO client.example\r\n'],
    ['an endless line', `PROXY TCP4 ${'1'.repeat(500_000)}`],
    ['a malformed one', 'PROXY TCP4 nobody 192.0.2.8 1 25\r\n'],
    ['too long a one', Buffer.from('0d0a0d0a000d0a515549540a2111ffff', 'hex')],
  ])('is hung up on without a word: %s', async (_name, bytes) => {
    door = await startTestListener({ proxyNetworks: [BALANCER] });
    for (const port of [door.smtpPort, door.smtpsPort]) {
      expect(await (await connected(bytes, port)).ended()).toBe('');
    }
    expect(door.lines.filter(line => line.includes('"proxy-header-refused"'))).toHaveLength(2);
  });

  it('or nothing, is hung up on when the time is over, and is told of by nobody', async () => {
    door = await startTestListener({ proxyNetworks: [BALANCER], patience: { proxyMs: 50 } });
    expect(await (await connected(null)).ended()).toBe('');
    (await connected(null)).close();
    expect(door.lines.join('')).not.toContain('proxy-header-refused');
  });
});

it.each([
  ['version 1', V1],
  ['version 2', V2],
])('a header from anybody else is no command: 500 (%s)', async (_name, header) => {
  door = await startTestListener({ proxyNetworks: [BALANCER] });
  const client = await connected(header, door.smtpPort, '127.0.0.1');
  expect(await client.reply()).toMatch(/^220 /);
  expect(await client.reply()).toMatch(/^500 5\.5\.2 /);
});
