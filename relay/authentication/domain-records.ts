// What domains publish about their mail, as far as it is decided on: looked up once, parsed once, kept for a minute. This
// is all that mail of logged-in apps costs. Never rejects: what the DNS does not say is `unknown`.
import { BoundedMap } from '../../src/platform/bounded-map.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { isAbsent, type Resolve } from '../../src/platform/resolver.ts';
import { type Alignment, organisationalDomain } from './alignment.ts';
import { type DmarcPolicy, parseDmarcRecords } from './dmarc-record.ts';
import { readSpfRecords, type SpfRecord } from './spf-record.ts';

/** What receivers are asked to do with mail in the name of one domain. */
export type DomainPolicy =
  | { readonly kind: 'published'; readonly policy: DmarcPolicy; readonly dkim: Alignment; readonly spf: Alignment }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown' };

/** Both take normalised domains. */
export type DomainRecords = {
  dmarc(domain: string): Promise<DomainPolicy>;
  spf(domain: string): Promise<SpfRecord>;
};

const FRESH_MS = 60_000;
const MAX_REMEMBERED = 5_000;

export function createDomainRecords(resolve: Resolve, clock: Clock): DomainRecords {
  return {
    dmarc: remembering(clock, domain => discoverPolicy(resolve, domain)),
    spf: remembering(clock, async domain => {
      const texts = await lookUpTexts(resolve, domain);
      return texts === null ? { kind: 'unknown' } : readSpfRecords(texts);
    }),
  };
}

/** RFC 7489 section 6.6.3: the domain's own record, else that of its organisational domain. */
async function discoverPolicy(resolve: Resolve, domain: string): Promise<DomainPolicy> {
  const own = await lookUpTexts(resolve, `_dmarc.${domain}`);
  if (own === null) return { kind: 'unknown' };
  const record = parseDmarcRecords(own);
  if (record) return { kind: 'published', policy: record.policy, dkim: record.dkim, spf: record.spf };

  const organisation = organisationalDomain(domain);
  if (organisation === domain) return { kind: 'absent' };
  const above = await lookUpTexts(resolve, `_dmarc.${organisation}`);
  if (above === null) return { kind: 'unknown' };
  const inherited = parseDmarcRecords(above);
  if (!inherited) return { kind: 'absent' };
  const exists = inherited.absent === inherited.below || (await doesExist(resolve, domain));
  const policy = exists ? inherited.below : inherited.absent;
  return { kind: 'published', policy, dkim: inherited.dkim, spf: inherited.spf };
}

/** Any record makes a name exist: only NXDOMAIN says that it does not. In doubt it does. */
async function doesExist(resolve: Resolve, domain: string): Promise<boolean> {
  try {
    await resolve(domain, 'A');
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== 'ENOTFOUND';
  }
}

/** Empty = there are none; null = the DNS did not say. */
async function lookUpTexts(resolve: Resolve, name: string): Promise<string[] | null> {
  try {
    return (await resolve(name, 'TXT')).map(strings => (strings as string[]).join(''));
  } catch (error) {
    return isAbsent(error) ? [] : null;
  }
}

function remembering<T extends { kind: string }>(
  clock: Clock,
  find: (domain: string) => Promise<T>,
): (domain: string) => Promise<T> {
  const remembered = new BoundedMap<string, { readonly until: number; readonly found: Promise<T> }>(MAX_REMEMBERED);
  return domain => {
    const known = remembered.get(domain);
    if (known && known.until > clock()) return known.found;
    const found = find(domain);
    remembered.set(domain, { until: clock() + FRESH_MS, found });
    // The resolver knows best how long a failure lasts.
    found.then(({ kind }) => {
      if (kind === 'unknown') remembered.delete(domain);
    });
    return found;
  };
}
