// How the session with one MX host of a domain has to be secured: what the URL says at least, what DANE (RFC 7672) or
// MTA-STS (RFC 8461) asks for beyond it. DANE comes first where it applies; a policy that fails never lets mail through
// unprotected, it makes it wait.
import type { SecureContext } from 'node:tls';
import { reply } from '../../src/mail/reply.ts';
import type { DirectMxSettings, UpstreamTls } from '../../src/platform/upstream-url.ts';
import { type Tlsa, usableRecords } from './dane.ts';
import { SessionError } from './greeting.ts';
import type { StsPolicy } from './mta-sts.ts';
import { ANY_CERTIFICATE, type CertificateRule } from './target.ts';

export type Security = {
  readonly tls: UpstreamTls;
  readonly certificate: CertificateRule;
};

export type SecurityFacts = {
  readonly domain: string;
  readonly host: string;
  readonly settings: Pick<DirectMxSettings, 'tls'>;
  /** Of the `ca` file; null = those whom the system trusts. */
  readonly trust: SecureContext | null;
  /** Validated, from a validated list of hosts. */
  readonly tlsa: readonly Tlsa[];
  readonly sts: StsPolicy | null;
};

/** Throws `SessionError` when mail must not go to that host. */
export function securityOf({ domain, host, settings, trust, tlsa, sts }: SecurityFacts): Security {
  const { tls } = settings;
  if (tls === 'none') return { tls, certificate: ANY_CERTIFICATE };
  const records = usableRecords(tlsa);
  if (records.length > 0) return { tls: 'required', certificate: { kind: 'dane', records, names: [host, domain] } };
  // Section 2.2: published, but nothing that we could compare with: encrypted, at least.
  const least: UpstreamTls = tlsa.length > 0 && tls === 'opportunistic' ? 'required' : tls;
  const isEnforced = sts?.mode === 'enforce';
  if (isEnforced && !sts.allows(host)) throw untrusted(`MTA-STS: ${host} is not among the hosts that ${domain} names`);
  if (isEnforced || tls === 'verify') {
    return { tls: 'verify', certificate: { kind: 'trusted', context: trust, because: isEnforced ? 'MTA-STS' : null } };
  }
  return { tls: least, certificate: sts ? notedOnly(sts, host, trust) : ANY_CERTIFICATE };
}

/** Crypto failures are X.7.5 (RFC 3463 section 3.8). The domain asked for it: no other upstream is a way round it. */
export function untrusted(why: string): SessionError {
  return new SessionError('tls', reply(451, '4.7.5', why), 'recipient');
}

function notedOnly(sts: StsPolicy, host: string, context: SecureContext | null): CertificateRule {
  return { kind: 'noted', context, because: 'MTA-STS testing', flaw: sts.allows(host) ? null : 'host not named' };
}
