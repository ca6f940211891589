// DANE for SMTP (RFC 7672): whether the certificates that a host showed are those that its TLSA records speak of. Only
// usages 2 (a CA that the host shows) and 3 (its own certificate) mean anything in SMTP (section 3.1.3).
import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

export type Tlsa = {
  /** 2 = DANE-TA, 3 = DANE-EE */
  readonly usage: number;
  /** 0 = the certificate, 1 = its public key */
  readonly selector: number;
  /** 0 = as it is, 1 = SHA-256, 2 = SHA-512 */
  readonly matching: number;
  readonly data: Buffer;
};

/** Longer chains are nobody's; a circle among them would have no end. */
const MAX_CHAIN = 10;

/** Those that can be judged by; where there are only others, TLS is insisted on and nothing is compared (section 2.2). */
export function usableRecords(records: readonly Tlsa[]): Tlsa[] {
  return records.filter(({ usage, selector, matching, data }) => {
    if ((usage !== 2 && usage !== 3) || selector > 1 || matching > 2) return false;
    return matching === 0 ? data.length > 0 : data.length === DIGEST_BYTES[matching];
  });
}

const DIGEST_BYTES: Readonly<Record<number, number>> = { 1: 32, 2: 64 };

type Rule = { readonly records: readonly Tlsa[]; readonly names: readonly string[] };

/** Why the certificates will not do, or null. */
export function daneObjection(
  socket: Pick<TLSSocket, 'getPeerX509Certificate'>,
  rule: Rule,
  now = Date.now(),
): string | null {
  const leaf = socket.getPeerX509Certificate();
  return leaf ? objectionTo(chainOf(leaf), rule, now) : 'DANE: no certificate was shown';
}

/** Of a chain as the host showed it, its own certificate first. */
export function objectionTo(chain: readonly X509Certificate[], { records, names }: Rule, now: number): string | null {
  const [leaf] = chain as [X509Certificate];
  // Section 3.1.1: neither names nor dates count, the record says it all.
  if (records.some(record => record.usage === 3 && matches(record, leaf))) return null;
  const anchors = records.filter(({ usage }) => usage === 2);
  if (anchors.length === 0) return 'DANE: the certificate is not the published one';
  if (!hasName(leaf, names)) return `DANE: the certificate is not for ${names.join(' or ')}`;
  return leadsTo(anchors, chain, now) ? null : 'DANE: the certificate leads to no published CA';
}

/** The chain as far as it holds: each issued and signed by the next, all in date; up to one that a record names. */
function leadsTo(anchors: readonly Tlsa[], chain: readonly X509Certificate[], now: number): boolean {
  for (const [i, certificate] of chain.entries()) {
    if (!isInDate(certificate, now)) return false;
    if (i > 0 && !certificate.ca) return false;
    if (i > 0 && !isIssuedBy(chain[i - 1]!, certificate)) return false;
    if (i > 0 && anchors.some(anchor => matches(anchor, certificate))) return true;
    if (anchors.some(anchor => isPublishedIssuer(anchor, certificate, now))) return true;
  }
  return false;
}

/** A CA that stands in the DNS as a whole need not be shown (RFC 7671 section 5.2.1 asks for it, hosts forget it). */
function isPublishedIssuer({ selector, matching, data }: Tlsa, certificate: X509Certificate, now: number): boolean {
  if (selector !== 0 || matching !== 0) return false;
  try {
    const issuer = new X509Certificate(data);
    return issuer.ca && isInDate(issuer, now) && isIssuedBy(certificate, issuer);
  } catch {
    return false;
  }
}

function matches({ selector, matching, data }: Tlsa, certificate: X509Certificate): boolean {
  const subject = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
  if (matching === 0) return data.equals(subject);
  return data.equals(
    createHash(matching === 1 ? 'sha256' : 'sha512')
      .update(subject)
      .digest(),
  );
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isInDate({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() <= now && now <= validToDate.getTime();
}

const hasName = (leaf: X509Certificate, names: readonly string[]) =>
  names.some(name => leaf.checkHost(name, { partialWildcards: false, multiLabelWildcards: false }) !== undefined);

function chainOf(leaf: X509Certificate): X509Certificate[] {
  const chain = [leaf];
  for (let next = leaf.issuerCertificate; next && chain.length < MAX_CHAIN; next = next.issuerCertificate) {
    if (chain.some(known => known.fingerprint256 === next!.fingerprint256)) break;
    chain.push(next);
  }
  return chain;
}
