// A session with a host that takes a domain's mail: hosts in their order, addresses of each, until one greets us as it
// should. Bounded in addresses and in time; a host that hangs does not use up the time of those behind it.

import type { SecureContext } from 'node:tls';
import { reply } from '../../src/mail/reply.ts';
import type { DirectMxSettings } from '../../src/platform/upstream-url.ts';
import type { Away } from './away.ts';
import { SessionError } from './greeting.ts';
import type { FindStsPolicy } from './mta-sts.ts';
import { reachable } from './mx-dns.ts';
import { addressIn, asking, findHosts, type HostsOptions, type MxHosts } from './mx-hosts.ts';
import { type Security, securityOf, untrusted } from './mx-security.ts';
import { type SessionOptions, SmtpSession } from './smtp-session.ts';
import { ANY_CERTIFICATE, type Target } from './target.ts';

export type MxSessionOptions = HostsOptions & {
  readonly settings: DirectMxSettings;
  readonly session: Omit<SessionOptions, 'target'>;
  readonly trust: SecureContext | null;
  readonly findStsPolicy: FindStsPolicy;
  readonly away: Away;
  /** Longest stay with one address before MAIL. */
  readonly perAddressMs: number;
};

/** RFC 5321 section 5.1 asks for two at least. */
const MAX_ADDRESSES = 10;

/** Throws `SessionError`: why the last one would not, or what was wrong with each. */
export async function openForDomain(
  domain: string,
  options: MxSessionOptions,
  signal: AbortSignal,
  avoid: ReadonlySet<string>,
): Promise<SmtpSession> {
  const mx = await findHosts(domain, options);
  const sts = addressIn(domain) === null && options.settings.mtaSts ? await options.findStsPolicy(domain) : null;
  const failures: SessionError[] = [];
  let left = MAX_ADDRESSES;
  for (const host of mx.hosts) {
    try {
      const { addresses, security } = await prepare(domain, host, mx, sts, options);
      for (const address of addresses.filter(one => !avoid.has(one)).slice(0, left)) {
        left -= 1;
        const opened = await tryAddress(host, address, security, options, signal);
        if (opened instanceof SmtpSession) return opened;
        failures.push(opened);
        if (signal.aborted) throw opened;
      }
    } catch (error) {
      if (!(error instanceof SessionError) || signal.aborted) throw error;
      failures.push(error);
    }
  }
  throw conclude(domain, failures);
}

/** Where the host is, and how it is to be talked to. Throws `SessionError` when it must not be. */
async function prepare(
  domain: string,
  host: string,
  mx: MxHosts,
  sts: Awaited<ReturnType<FindStsPolicy>>,
  options: MxSessionOptions,
): Promise<{ addresses: readonly string[]; security: Security }> {
  const { dns, settings, trust } = options;
  if (addressIn(domain) !== null) {
    const security: Security = { tls: settings.tls, certificate: ANY_CERTIFICATE };
    return { addresses: inReach(host, [host], settings), security };
  }
  const { addresses, isValidated } = await asking(dns.addresses(host));
  // Section 2.2.2: a host at addresses that nobody vouches for is not asked about; its servers may not know TLSA at all.
  const tlsa = mx.isValidated && isValidated ? await dns.tlsa(host, settings.port).catch(cannotTell(host)) : [];
  const security = securityOf({ domain, host, settings, trust, tlsa, sts });
  return { addresses: inReach(host, addresses, settings), security };
}

function inReach(host: string, addresses: readonly string[], settings: DirectMxSettings): string[] {
  const found = reachable(addresses, settings);
  if (found.length > 0) return found;
  const why = addresses.length === 0 ? 'has no address' : 'has no address that we connect to';
  throw new SessionError('connect', reply(451, '4.4.4', `${host} ${why}`), 'network');
}

/** Where records may be and cannot be had, somebody may be keeping them from us (section 2.1.2). */
const cannotTell = (host: string) => (error: Error) => {
  throw untrusted(`DANE: the records of ${host} cannot be had: ${error.message}`);
};

async function tryAddress(
  host: string,
  address: string,
  security: Security,
  options: MxSessionOptions,
  signal: AbortSignal,
): Promise<SmtpSession | SessionError> {
  const known = options.away.why(address);
  if (known !== null) return new SessionError('connect', new Error(`${host} [${address}] was away: ${known}`));
  const open = async (how: Security) => openAt(targetAt(host, address, how, options), options, signal);
  let opened = await open(security);
  // Opportunistic means that a handshake that fails is no worse than none (RFC 7435).
  if (isHandshakeFailure(opened) && security.tls === 'opportunistic' && !signal.aborted) {
    opened = await open({ tls: 'none', certificate: ANY_CERTIFICATE });
  }
  if (opened instanceof SmtpSession || signal.aborted) return opened;
  if (isHandshakeFailure(opened)) return untrusted(`${host} [${address}]: ${opened.message}`);
  options.away.note(address, opened.message);
  return opened.reply ? opened : new SessionError(opened.stage, new Error(`${host} [${address}]: ${opened.message}`));
}

async function openAt(
  target: Target,
  { session, perAddressMs }: MxSessionOptions,
  signal: AbortSignal,
): Promise<SmtpSession | SessionError> {
  const late = AbortSignal.timeout(perAddressMs);
  try {
    return await SmtpSession.open({ ...session, target }, AbortSignal.any([signal, late]));
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return late.aborted && !signal.aborted ? new SessionError(error.stage, new Error('took too long')) : error;
  }
}

function targetAt(host: string, address: string, security: Security, { settings }: MxSessionOptions): Target {
  const { port, sourceAddress, proxy } = settings;
  const serverName = host === address ? null : host;
  return { ...security, host: address, port, serverName, sourceAddress, proxy, login: null };
}

const isHandshakeFailure = (opened: SmtpSession | SessionError) => 'stage' in opened && opened.stage === 'tls';

/** What a host said in words, the last of them; else all that was wrong. */
function conclude(domain: string, failures: readonly SessionError[]): SessionError {
  const said = failures.findLast(failure => failure.reply !== null);
  if (said) return said;
  const last = failures.at(-1);
  if (!last) return new SessionError('connect', reply(451, '4.4.4', `no host takes mail for ${domain}`), 'network');
  return new SessionError(last.stage, new Error(failures.map(({ message }) => message).join('; ')));
}
