// Certificates against TLSA records (RFC 7672, RFC 6698), as pure functions.
import { createHash, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { objectionTo, type Tlsa, usableRecords } from '../../../relay/upstreams/dane.ts';
import { makeCa } from '../../support/certificates.ts';

const HOST = 'mx.example.com';
const NOW = Date.now();
const YEAR_MS = 365 * 86_400_000;
let leaf: X509Certificate;
let issuer: X509Certificate;
let stranger: X509Certificate;

beforeAll(async () => {
  const ca = await makeCa();
  [leaf, issuer] = [new X509Certificate((await ca.issue(HOST)).cert), new X509Certificate(ca.cert)];
  stranger = new X509Certificate((await makeCa()).cert);
});

/** What a record of these numbers says about a certificate. */
function record(usage: number, selector: number, matching: number, of: X509Certificate): Tlsa {
  const subject = selector === 0 ? of.raw : of.publicKey.export({ type: 'spki', format: 'der' });
  const digest = (name: string) => createHash(name).update(subject).digest();
  const data = matching === 0 ? Buffer.from(subject) : digest(matching === 1 ? 'sha256' : 'sha512');
  return { usage, selector, matching, data };
}

const objection = (chain: X509Certificate[], records: Tlsa[], names = [HOST], now = NOW) =>
  objectionTo(chain, { records, names }, now);

describe("a record of the host's own certificate (DANE-EE, section 3.1.1)", () => {
  it.each([
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 0],
    [1, 1],
    [1, 2],
  ])('fits by selector %i and matching type %i', (selector, matching) => {
    expect(objection([leaf], [record(3, selector, matching, leaf)])).toBeNull();
    expect(objection([leaf], [record(3, selector, matching, stranger)])).toBe(
      'DANE: the certificate is not the published one',
    );
  });

  it('counts whatever the name and the date', () => {
    expect(objection([leaf], [record(3, 1, 1, leaf)], ['other.example'], NOW + YEAR_MS)).toBeNull();
  });

  it('does not speak of the CA behind it', () => {
    expect(objection([leaf, issuer], [record(3, 1, 1, issuer)])).not.toBeNull();
  });

  it('may be one of several, as while keys change', () => {
    expect(objection([leaf], [record(3, 1, 1, stranger), record(3, 1, 1, leaf)])).toBeNull();
  });
});

describe('a record of a CA (DANE-TA, section 3.1.2)', () => {
  it.each([
    [0, 0],
    [0, 1],
    [1, 1],
    [1, 2],
  ])('fits by selector %i and matching type %i where the CA is shown', (selector, matching) => {
    expect(objection([leaf, issuer], [record(2, selector, matching, issuer)])).toBeNull();
  });

  it('that has all of it needs no showing; a digest does', () => {
    expect(objection([leaf], [record(2, 0, 0, issuer)])).toBeNull();
    expect(objection([leaf], [record(2, 0, 1, issuer)])).toMatch('no published CA');
  });

  it.each<[string, () => string | null]>([
    ['of another CA', () => objection([leaf, issuer], [record(2, 1, 1, stranger)])],
    ['of another CA of the same name', () => objection([leaf, stranger], [record(2, 1, 1, stranger)])],
    ['of another CA of the same name, as a whole', () => objection([leaf], [record(2, 0, 0, stranger)])],
    ['for another host', () => objection([leaf, issuer], [record(2, 1, 1, issuer)], ['other.example'])],
    ['out of date', () => objection([leaf, issuer], [record(2, 1, 1, issuer)], [HOST], NOW + YEAR_MS)],
    ['that is no certificate', () => objection([leaf], [{ ...record(2, 0, 0, issuer), data: Buffer.from('x') }])],
    ["that is the host's own certificate, as if it were a CA", () => objection([leaf], [record(2, 1, 1, leaf)])],
  ])('does not fit: %s', (_what, judge) => expect(judge()).toMatch(/^DANE: /));

  it("may be for the recipient's domain instead of the host (section 3.2.2)", () => {
    expect(objection([leaf, issuer], [record(2, 1, 1, issuer)], ['mail.example', HOST])).toBeNull();
  });
});

it('records that mean nothing in SMTP, or nothing at all, are not used (section 3.1.3)', () => {
  const good = record(3, 1, 1, leaf);
  const bad = [
    ...[0, 1, 4, 255].map(usage => ({ ...good, usage })),
    { ...good, selector: 2 },
    { ...good, matching: 3 },
    { ...good, data: good.data.subarray(1) },
    { ...good, matching: 2 },
    { ...good, matching: 0, data: Buffer.alloc(0) },
  ];
  expect(usableRecords([...bad, good])).toEqual([good]);
});
