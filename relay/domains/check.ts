// Everything that the DNS should say about a sending domain, asked for now.
import { systemClock } from '../../src/platform/clock.ts';
import { createResolver, type Resolve } from '../../src/platform/resolver.ts';
import type { Settings } from '../../src/platform/settings.ts';
import { sendingHosts } from '../../src/platform/upstream-url.ts';
import type { DkimKey } from '../../src/store/dkim-keys.ts';
import { checkDkim } from './check-dkim.ts';
import { checkDmarc } from './check-dmarc.ts';
import { checkExchange, checkReturnPath } from './check-exchange.ts';
import { checkSpf } from './check-spf.ts';
import { type CheckState, type Finding, stateOf } from './finding.ts';
import { sendersOf } from './providers.ts';

export type CheckOptions = {
  readonly resolve: Resolve;
  /** Hosts of POSTERN_UPSTREAMS. */
  readonly upstreamHosts: readonly string[];
  /** Where our return paths lie, when they are not the apps' own. */
  readonly returnPathDomain: string | null;
  readonly hostname: string;
  readonly maxAgeMs: number;
};

/** The gateway and the commands check alike. */
export function checkOptions(settings: Settings, hostname: string): CheckOptions {
  return {
    resolve: createResolver({ servers: settings.POSTERN_DNS_SERVERS, clock: systemClock }),
    upstreamHosts: sendingHosts(settings.POSTERN_UPSTREAMS ?? [], hostname).map(({ host }) => host),
    returnPathDomain: settings.POSTERN_RETURN_PATH_DOMAIN,
    hostname,
    maxAgeMs: Math.max(settings.POSTERN_MAX_AGE, ...settings.POSTERN_LIFETIMES.map(({ maxAgeMs }) => maxAgeMs ?? 0)),
  };
}

export type DomainCheck = {
  readonly domain: string;
  readonly state: CheckState;
  readonly findings: readonly Finding[];
  /** Selectors whose record is as it should be. */
  readonly seen: readonly string[];
  /** Selectors that sign no more, whose record is gone as it may. */
  readonly gone: readonly string[];
};

export async function checkDomain(
  domain: string,
  keys: readonly DkimKey[],
  options: CheckOptions,
  now: number,
): Promise<DomainCheck> {
  const { resolve, upstreamHosts, returnPathDomain, hostname, maxAgeMs } = options;
  const senders = sendersOf(upstreamHosts);
  const [dkim, spf, dmarc, exchange, returnPath] = await Promise.all([
    Promise.all(keys.map(key => checkDkim(key, keys, { resolve, maxAgeMs, now }))),
    checkSpf(resolve, domain, senders),
    checkDmarc(resolve, domain),
    checkExchange(resolve, domain),
    returnPathDomain === null ? [] : checkReturnPathDomain(returnPathDomain),
  ]);
  const findings = [...dkim, ...spf, dmarc, exchange, ...returnPath];
  const selectors = (isSo: (key: DkimKey, finding: Finding) => boolean) =>
    keys.filter((key, i) => isSo(key, dkim[i]!)).map(({ selector }) => selector);
  return {
    domain,
    state: stateOf(findings),
    findings,
    seen: selectors((key, { status }) => key.retiredAt === null && status === 'found'),
    gone: selectors((_key, { rule }) => rule === 'dkim-gone'),
  };

  async function checkReturnPathDomain(name: string): Promise<Finding[]> {
    const exchanges = await checkReturnPath(resolve, name, hostname);
    return name === domain ? [exchanges] : [exchanges, ...(await checkSpf(resolve, name, senders))];
  }
}
