// Look-ups with the AD bit, against a name server on loopback.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { areServersLocal, createValidatedLookup, type ValidatedLookup } from '../../src/platform/validated-lookup.ts';
import { type NameServer, startNameServer } from '../support/dns.ts';

let server: NameServer;
let now: number;
let lookup: ValidatedLookup;

beforeEach(async () => {
  server = await startNameServer({});
  now = 1_000_000;
  lookup = createValidatedLookup({ servers: [server.address], clock: () => now, timeoutMs: 500 });
});
afterEach(() => server.stop());

const codeOf = (name: string, from = lookup) =>
  from(name, 'A').then(
    () => 'found',
    error => error.code as string,
  );

describe('an answer', () => {
  const data = Buffer.from('ab'.repeat(32), 'hex');

  it('has the records, and whether the resolver has validated them', async () => {
    server.zone = {
      'x.example': { secure: true, MX: [{ priority: 10, exchange: 'mx.x.example' }], A: ['192.0.2.1'] },
      'y.example': { AAAA: ['2001:db8:0:0:0:0:0:1'] },
      '_25._tcp.x.example': { secure: true, TLSA: [{ usage: 3, selector: 1, matching: 1, data }] },
    };
    const found = { isValidated: true, isNameAbsent: false };
    const mx = { type: 'MX', priority: 10, exchange: 'mx.x.example' };
    expect(await lookup('x.example', 'MX')).toEqual({ ...found, records: [mx] });
    expect(await lookup('x.example', 'A')).toEqual({ ...found, records: [{ type: 'A', address: '192.0.2.1' }] });
    const tlsa = { type: 'TLSA', usage: 3, selector: 1, matching: 1, data };
    expect(await lookup('_25._tcp.x.example', 'TLSA')).toEqual({ ...found, records: [tlsa] });
    const six = { type: 'AAAA', address: '2001:db8::1' };
    expect(await lookup('y.example', 'AAAA')).toEqual({ ...found, isValidated: false, records: [six] });
  });

  it('tells a name without such records from a name that is not', async () => {
    server.zone = { 'x.example': { secure: true, A: ['192.0.2.1'] } };
    expect(await lookup('x.example', 'MX')).toEqual({ isValidated: true, isNameAbsent: false, records: [] });
    expect(await lookup('no.example', 'MX')).toEqual({ isValidated: false, isNameAbsent: true, records: [] });
  });

  it('that does not fit is asked for again over TCP', async () => {
    server.zone = { 'x.example': { truncated: true, secure: true, A: ['192.0.2.1', '192.0.2.2'] } };
    expect((await lookup('x.example', 'A')).records).toHaveLength(2);
    expect(server.questions).toEqual(['A x.example', 'A x.example over TCP']);
  });

  it('is remembered for as long as it says, and asked for once by many at the same time', async () => {
    server.zone = { 'x.example': { A: ['192.0.2.1'], ttl: 30 } };
    await Promise.all([lookup('x.example', 'A'), lookup('X.example', 'A')]);
    now += 29_000;
    await lookup('x.example', 'A');
    expect(server.questions).toHaveLength(1);
    now += 2_000;
    await lookup('x.example', 'A');
    expect(server.questions).toHaveLength(2);
  });
});

describe('no answer', () => {
  it.each([
    ['servfail', 'ESERVFAIL'],
    ['refused', 'EREFUSED'],
    ['silent', 'ETIMEOUT'],
  ] as const)('%s is %s', async (behaviour, code) => {
    server.zone = { '*': behaviour };
    expect(await codeOf('x.example')).toBe(code);
  });

  it('of one server is looked for at the next', async () => {
    const other = await startNameServer({ 'x.example': { A: ['192.0.2.1'] } });
    server.zone = { '*': 'servfail' };
    const both = createValidatedLookup({ servers: [server.address, other.address], clock: () => now });
    expect(await codeOf('x.example', both)).toBe('found');
    await other.stop();
  });

  it('is given where nobody listens, and for what is no name', async () => {
    const nobody = createValidatedLookup({ servers: ['127.0.0.1:1'], clock: () => now });
    expect(await codeOf('x.example', nobody)).toBe('ECONNREFUSED');
    expect(await codeOf('a'.repeat(64))).toBe('EBADRESP');
  });
});

it.each([
  [['127.0.0.1:53', '[::1]:53'], true],
  [['127.0.0.53'], true],
  [['127.0.0.1', '192.0.2.1:53'], false],
  [['10.0.0.1'], false],
])('whether %j are on this machine: %s', (servers, expected) => {
  expect(areServersLocal(servers)).toBe(expected);
});
