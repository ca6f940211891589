// A GET that cannot be led astray: real TLS servers on 127.0.0.1, reached as if they stood at a public address.
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOutsideGet, isPublicAddress } from '../../src/platform/outside-get.ts';

const HOST = 'files.example.com';
let certificate: { cert: string; private: string };
let server: Server;
let answer: (reply: ServerResponse, path: string) => void = reply => reply.end('hello');
const asked: string[] = [];

beforeAll(async () => {
  certificate = await generate([{ name: 'commonName', value: HOST }], {
    keyType: 'ec',
    notBeforeDate: new Date(),
    notAfterDate: new Date(Date.now() + 86_400_000),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: HOST }] }],
  });
  server = createServer({ cert: certificate.cert, key: certificate.private }, (request, reply) => {
    asked.push(`${request.headers.host}${request.url}`);
    answer(reply, request.url!);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Finds these addresses, and counts how often it was asked. */
function resolver(...addresses: string[]) {
  let times = 0;
  const lookup: LookupFunction = (_name, _options, callback) => {
    times += 1;
    callback(
      null,
      addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { lookup, times: () => times };
}

/** Goes to the server above, and remembers where it should have gone. */
function wire(trusted = true) {
  const targets: string[] = [];
  const connect = ({ host, port, servername }: { host: string; port: number; servername: string }) => {
    targets.push(`${host}:${port}`);
    const to = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, servername };
    return connectTls(trusted ? { ...to, ca: certificate.cert } : to);
  };
  return { connect, targets };
}

describe('an outside GET', () => {
  it('connects to the address that was checked, and looks it up once', async () => {
    const { lookup, times } = resolver('203.0.114.7', '2606:4700::1');
    const { connect, targets } = wire();
    answer = reply => reply.end('hello');
    expect((await createOutsideGet({ lookup, connect })(`https://${HOST}/x?y=1`)).toString()).toBe('hello');
    expect({ times: times(), targets, asked: asked.at(-1) }).toEqual({
      ...{ times: 1, targets: ['203.0.114.7:443'], asked: `${HOST}/x?y=1` },
    });
  });

  it.each([
    [['127.0.0.1']],
    [['10.1.2.3']],
    [['169.254.169.254']],
    [['100.64.0.1']],
    [['::1']],
    [['203.0.114.7', '192.168.0.1']],
    [['::ffff:8.8.8.8']],
    [['64:ff9b::808:808']],
  ])('never connects to a name at %j', async addresses => {
    const { connect, targets } = wire();
    const get = createOutsideGet({ lookup: resolver(...addresses).lookup, connect });
    await expect(get(`https://${HOST}/`)).rejects.toThrow('which is no public address');
    expect(targets).toEqual([]);
  });

  it.each([
    ['http://files.example.com/', 'not an https:// address'],
    ['file:///etc/passwd', 'not an https:// address'],
    ['nonsense', 'not an https:// address'],
    ['https://files.example.com:25/', 'port 25 is not one for https'],
    ['https://user:pass@files.example.com/', 'has a user or password'],
    ['https://127.0.0.1/', 'no public address'],
    ['https://[::1]/', 'no public address'],
    ['https://0x7f.1/', 'no public address'],
    ['https://2130706433/', 'no public address'],
  ])('refuses %s', async (url, expected) => {
    const { connect, targets } = wire();
    await expect(createOutsideGet({ lookup: resolver('203.0.114.7').lookup, connect })(url)).rejects.toThrow(expected);
    expect(targets).toEqual([]);
  });

  const to = (options: object = {}, trusted = true) =>
    createOutsideGet({ lookup: resolver('203.0.114.7').lookup, connect: wire(trusted).connect, ...options })(
      `https://${HOST}/start`,
    );

  it('follows no redirect', async () => {
    answer = reply => reply.writeHead(302, { location: `https://${HOST}/elsewhere` }).end();
    await expect(to()).rejects.toThrow('answered 302');
    expect(asked).not.toContain(`${HOST}/elsewhere`);
  });

  it('takes nothing but 200', async () => {
    answer = reply => reply.writeHead(500).end('no');
    await expect(to()).rejects.toThrow('answered 500');
  });

  it('reads to its limit and no further', async () => {
    answer = reply => reply.end(Buffer.alloc(1_000));
    expect((await to({ maxBytes: 1_000 })).length).toBe(1_000);
    answer = reply => reply.end(Buffer.alloc(1_001));
    await expect(to({ maxBytes: 1_000 })).rejects.toThrow('more than 1000 bytes');
    let isGone = false;
    answer = reply => {
      reply.on('close', () => (isGone = true));
      const pour = () => void (isGone || reply.write(Buffer.alloc(10_000), () => setImmediate(pour)));
      pour();
    };
    await expect(to({ maxBytes: 1_000 })).rejects.toThrow('more than 1000 bytes');
  });

  it('waits so long and no longer: for an answer, for its end, for the look-up', async () => {
    answer = () => {};
    await expect(to({ timeoutMs: 100 })).rejects.toThrow('took too long');
    answer = reply => void reply.write('half');
    await expect(to({ timeoutMs: 100 })).rejects.toThrow(/took too long|abort/);
    await expect(to({ timeoutMs: 100, lookup: () => {} })).rejects.toThrow('the look-up took too long');
  });

  it('believes no certificate that the system does not', async () => {
    answer = reply => reply.end('hello');
    await expect(to({}, false)).rejects.toThrow(/self-signed certificate/);
  });

  it('believes no certificate for another name', async () => {
    const get = createOutsideGet({ lookup: resolver('203.0.114.7').lookup, connect: wire().connect });
    await expect(get('https://other.example.com/')).rejects.toThrow(/does not match certificate/);
  });

  it('says so when the name is not there', async () => {
    const none = { lookup: resolver().lookup };
    await expect(to(none)).rejects.toThrow('has no address');
    const lookup: LookupFunction = (_name, _options, callback) => callback(new Error('ENOTFOUND'), '', 0);
    await expect(to({ lookup })).rejects.toThrow('was not found');
  });
});

it.each([
  ['8.8.8.8', true],
  ['2606:4700::1111', true],
  ['0.0.0.0', false],
  ['127.8.8.8', false],
  ['172.16.0.1', false],
  ['192.168.1.1', false],
  ['198.18.0.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['2002:7f00:1::', false],
  ['::', false],
  ['fe80::1%eth0', false],
  ['nonsense', false],
])('%s is public: %s', (address, expected) => expect(isPublicAddress(address)).toBe(expected));
