// Look-ups in the DNS, through the resolvers that the operator names, remembered for a while: a thousand messages from
// one domain make a handful of them. Failures of the DNS are remembered too, for less long, so that a resolver that does
// not answer holds up one message a while and not each.
import { promises } from 'node:dns';
import type { Clock } from './clock.ts';

export type RecordType = 'A' | 'AAAA' | 'MX' | 'TXT' | 'CNAME' | 'NS' | 'PTR' | 'TLSA';

/** Records as node:dns gives them for each type. Rejects with an error whose `code` is node's: ENOTFOUND, ENODATA, … */
export type Resolve = (name: string, type: RecordType) => Promise<unknown[]>;

export type ResolverOptions = {
  /** `ip:port`; null = those of the system. */
  readonly servers: readonly string[] | null;
  readonly clock: Clock;
  /** Longest wait for one answer. */
  readonly timeoutMs?: number;
};

/** Most resolvers in between obey the record's own time; node tells it for addresses only. */
const FOUND_FRESH_MS = 300_000;
const ABSENT_FRESH_MS = 60_000;
const FAILURE_FRESH_MS = 15_000;
const MAX_REMEMBERED = 20_000;

type Remembered = { readonly until: number; readonly answer: Promise<unknown[]> };

export function createResolver({ servers, clock, timeoutMs = 3_000 }: ResolverOptions): Resolve {
  const resolver = new promises.Resolver({ timeout: timeoutMs, tries: 2 });
  if (servers && servers.length > 0) resolver.setServers(servers);
  const remembered = new Map<string, Remembered>();

  return (name, type) => {
    const key = `${type} ${name.toLowerCase()}`;
    const known = remembered.get(key);
    if (known && known.until > clock()) return known.answer;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    const answer = resolver.resolve(name, type) as Promise<unknown[]>;
    const keep = (forMs: number) => remembered.set(key, { until: clock() + forMs, answer });
    // Whoever asks meanwhile waits for the same answer.
    keep(timeoutMs * 4);
    answer.then(
      () => keep(FOUND_FRESH_MS),
      error => keep(isAbsent(error) ? ABSENT_FRESH_MS : FAILURE_FRESH_MS),
    );
    return answer;
  };
}

/** The DNS said that there is no such record, as opposed to not saying anything. */
export function isAbsent(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ENOTFOUND' || code === 'ENODATA';
}
