// MTA-STS (RFC 8461): what a domain says over https about its MX hosts. A policy is kept for its max_age and asked for
// again when the DNS names another id; while it lasts it holds, even if the DNS or its host has fallen silent, because
// that is what an attacker would make of them. Fetching is bounded, and goes to public addresses only: see `OutsideGet`.
import { BoundedMap } from '../../src/platform/bounded-map.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { OutsideGet } from '../../src/platform/outside-get.ts';
import type { Resolve } from '../../src/platform/resolver.ts';

export type StsPolicy = {
  readonly mode: 'enforce' | 'testing';
  readonly allows: (mxHost: string) => boolean;
};

/** null = the domain has none, or none that is known. Never rejects. */
export type FindStsPolicy = (domain: string) => Promise<StsPolicy | null>;

export type StsOptions = {
  readonly resolve: Resolve;
  readonly get: OutsideGet;
  readonly clock: Clock;
};

type Held = { readonly id: string; readonly until: number; readonly policy: StsPolicy | null };

const MAX_REMEMBERED = 10_000;
/** RFC 8461 section 3.2 */
const LONGEST_AGE_S = 31_557_600;
/** Section 3.3: a host that does not serve its policy is not asked for it at every message. */
const FAILED_FRESH_MS = 300_000;

export function createStsPolicies({ resolve, get, clock }: StsOptions): FindStsPolicy {
  const held = new BoundedMap<string, Held>(MAX_REMEMBERED);
  const failed = new BoundedMap<string, { readonly id: string; readonly until: number }>(MAX_REMEMBERED);
  const fetching = new Map<string, Promise<StsPolicy | null>>();

  return async domain => {
    const known = held.get(domain);
    const valid = known && known.until > clock() ? known : null;
    const id = await idOf(domain, resolve);
    if (id === null || id === valid?.id || hasFailed(domain, id)) return valid?.policy ?? null;
    const under = fetching.get(domain) ?? refresh(domain, id, valid).finally(() => fetching.delete(domain));
    fetching.set(domain, under);
    return under;
  };

  function hasFailed(domain: string, id: string): boolean {
    const failure = failed.get(domain);
    return failure !== undefined && failure.id === id && failure.until > clock();
  }

  async function refresh(domain: string, id: string, valid: Held | null): Promise<StsPolicy | null> {
    try {
      const { policy, maxAgeMs } = await fetchPolicy(domain, get);
      held.set(domain, { id, until: clock() + maxAgeMs, policy });
      return policy;
    } catch {
      failed.set(domain, { id, until: clock() + FAILED_FRESH_MS });
      return valid?.policy ?? null;
    }
  }
}

/** Loaded at the first domain that is asked about: see authentication/mailauth.ts. */
const loadMtaSts = () => import('mailauth/lib/mta-sts.js');

/** null = it says that it has no policy, or nothing that can be used. */
async function idOf(domain: string, resolve: Resolve): Promise<string | null> {
  const { resolvePolicy } = await loadMtaSts();
  // A copy: the answers are shared, and mailauth is free with its arguments.
  const resolver = async (name: string) => [...((await resolve(name, 'TXT')) as string[][])];
  const id = await resolvePolicy(domain, { strict: true, resolver }).catch(() => null);
  return typeof id === 'string' ? id : null;
}

async function fetchPolicy(domain: string, get: OutsideGet) {
  const { parsePolicy, validateMx } = await loadMtaSts();
  const parsed = parsePolicy(await get(`https://mta-sts.${domain}/.well-known/mta-sts.txt`), { strict: true });
  const maxAgeMs = Math.min(parsed.maxAge ?? 0, LONGEST_AGE_S) * 1_000;
  const { mode } = parsed;
  const policy: StsPolicy | null = mode === 'none' ? null : { mode, allows: host => validateMx(host, parsed).valid };
  return { policy, maxAgeMs };
}
