// Look-ups in the DNS, through the resolvers that the operator names, remembered for a while: a thousand messages from
// one domain make a handful of them. Promises: an answer, or a rejection, within `timeoutMs`; whoever asks the same at
// the same time shares one question; memory is bounded; a DNS that has gone silent holds up one message for `timeoutMs`
// and fails at once for those behind it, until it is heard again.
import { promises } from 'node:dns';
import { BoundedMap } from './bounded-map.ts';
import type { Clock } from './clock.ts';

export type RecordType = 'A' | 'AAAA' | 'MX' | 'TXT' | 'CNAME' | 'NS' | 'PTR' | 'TLSA';

/**
 * Records as node:dns gives them for each type, 100 at most. Rejects with an error whose `code` is node's: ENOTFOUND,
 * ENODATA, ETIMEOUT, … The signal ends the caller's wait (as ETIMEOUT), not the look-up, which others may share.
 */
export type Resolve = (name: string, type: RecordType, signal?: AbortSignal) => Promise<unknown[]>;

export type ResolverOptions = {
  /** `ip:port`; null = those of the system. */
  readonly servers: readonly string[] | null;
  readonly clock: Clock;
  /** Longest wait for one answer. */
  readonly timeoutMs?: number;
};

/** Most resolvers in between obey the record's own time; node tells it for addresses only. */
const FOUND_FRESH_MS = 300_000;
const LONGEST_FRESH_MS = 3_600_000;
const ABSENT_FRESH_MS = 60_000;
const FAILURE_FRESH_MS = 15_000;
const SILENCE_MS = 15_000;
/** With the next one, at most 40 MB, should a stranger fill it. */
const MAX_REMEMBERED = 10_000;
/** Larger answers are given and forgotten. */
const MAX_REMEMBERED_CHARACTERS = 4_096;
const MAX_RECORDS = 100;

type Remembered = { readonly until: number; readonly answer: Promise<unknown[]> };
type Found = { readonly records: unknown[]; readonly freshMs: number };

export function createResolver({ servers, clock, timeoutMs = 3_000 }: ResolverOptions): Resolve {
  // The second try waits twice as long, so that both fit; with several servers `within` cuts the rest off.
  const channel = new promises.Resolver({ timeout: Math.ceil(timeoutMs / 3), tries: 2 });
  if (servers && servers.length > 0) channel.setServers(servers);
  const remembered = new BoundedMap<string, Remembered>(MAX_REMEMBERED);
  let heard = 0;
  let silentUntil = 0;

  return (name, type, signal) => {
    const key = `${type} ${name.toLowerCase()}`;
    const known = remembered.get(key);
    const isFresh = known !== undefined && known.until > clock();
    if (signal?.aborted && !isFresh) return Promise.reject(failure('ETIMEOUT', name));
    const answer = isFresh ? known.answer : ask(key, name, type);
    return signal ? untilAborted(answer, signal) : answer;
  };

  function ask(key: string, name: string, type: RecordType): Promise<unknown[]> {
    if (!isAskable(name)) return Promise.reject(failure('EBADNAME', name));
    if (silentUntil > clock()) return Promise.reject(failure('ETIMEOUT', name));
    const heardBefore = heard;
    const isSilent = () => heard === heardBefore;
    const suspicion = setTimeout(() => isSilent() && callRoot(), timeoutMs / 2);
    const found = within(timeoutMs, query(channel, name, type), name);
    const answer = found.then(({ records }) => records);
    const keep = (forMs: number) => remembered.set(key, { until: clock() + forMs, answer });
    // Whoever asks meanwhile waits for the same answer, which comes in any case: see `within`.
    keep(Number.POSITIVE_INFINITY);
    found.then(
      ({ records, freshMs }) => {
        hear();
        if (lengthOf(records) > MAX_REMEMBERED_CHARACTERS) remembered.delete(key);
        else keep(freshMs);
      },
      error => {
        keep(isAbsent(error) ? ABSENT_FRESH_MS : FAILURE_FRESH_MS);
        if (codeOf(error) !== 'ETIMEOUT') hear();
        else if (isSilent()) silentUntil = clock() + SILENCE_MS;
      },
    );
    found.catch(() => null).finally(() => clearTimeout(suspicion));
    return answer;
  }

  function hear(): void {
    heard += 1;
    silentUntil = 0;
  }

  /**
   * Nothing was heard while a look-up waited: is the DNS itself away, or only the servers of that domain? The root is
   * known to every resolver by heart, and any reply will do.
   */
  function callRoot(): void {
    channel.resolveNs('.').then(hear, error => {
      if (codeOf(error) !== 'ETIMEOUT') hear();
    });
  }
}

/** The DNS said that there is no such record, or there can be none, as opposed to not saying anything. */
export function isAbsent(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EBADNAME';
}

async function query(channel: promises.Resolver, name: string, type: RecordType): Promise<Found> {
  if (type !== 'A' && type !== 'AAAA') {
    const records = (await channel.resolve(name, type)) as unknown[];
    // Node's answer to a circle of aliases.
    if (records.length === 0) throw failure('ENODATA', name);
    return { records: records.slice(0, MAX_RECORDS), freshMs: FOUND_FRESH_MS };
  }
  const found = await (type === 'A' ? channel.resolve4(name, { ttl: true }) : channel.resolve6(name, { ttl: true }));
  if (found.length === 0) throw failure('ENODATA', name);
  const addresses = found.slice(0, MAX_RECORDS);
  const seconds = Math.min(...addresses.map(({ ttl }) => ttl));
  return {
    records: addresses.map(({ address }) => address),
    freshMs: Math.min(seconds * 1_000, LONGEST_FRESH_MS),
  };
}

/** c-ares would send control characters, and cut a name at NUL. */
function isAskable(name: string): boolean {
  return name.length > 0 && name.length <= 255 && !/[\u0000-\u0020\u007f]/.test(name);
}

async function within<T>(ms: number, promise: Promise<T>, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(failure('ETIMEOUT', name)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(failure('ETIMEOUT', 'the deadline'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    const settle = () => signal.removeEventListener('abort', abort);
    promise.then(resolve, reject).finally(settle);
  });
}

function lengthOf(records: readonly unknown[]): number {
  return records.reduce<number>((sum, record) => sum + JSON.stringify(record).length, 0);
}

function failure(code: string, name: string): Error {
  return Object.assign(new Error(`DNS look-up of ${name} failed: ${code}`), { code });
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}
