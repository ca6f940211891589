// The keys that sign now, in memory. Whether they changed is one number in the database, asked for at most every 1.5 s and
// only while mail comes: a message costs no query, with or without a key, and a change is followed within 2 s.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Kysely } from 'kysely';
import { foldDomain } from '../../src/mail/address.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Sealer } from '../../src/platform/sealing.ts';
import { keysRevision, listSigningKeys, type SigningKeyRow } from '../../src/store/dkim-keys.ts';
import type { Database } from '../../src/store/schema.ts';
import type { SignatureKey } from './signature-field.ts';

export type KeyRing = {
  /**
   * Keys of the first of the domains, or of the nearest domain above it, that the tenant has keys for; maybe none. The
   * domains may be spelled as the app likes.
   */
  find(tenantId: string, domains: readonly string[]): Promise<readonly SignatureKey[]>;
};

export type KeyRingOptions = {
  readonly db: Kysely<Database>;
  /** Asked for when a first key is opened. */
  readonly sealer: () => Promise<Sealer>;
  readonly clock: Clock;
  readonly log: Logger;
};

const FRESH_MS = 1_500;

type Entry = { readonly row: SigningKeyRow; opened: SignatureKey | null };
/** By tenant and domain. */
type Ring = ReadonlyMap<string, readonly Entry[]>;

export function createKeyRing({ db, sealer, clock, log }: KeyRingOptions): KeyRing {
  let ring: Ring | null = null;
  let revision = '';
  let freshUntil = 0;
  let refreshing: Promise<Ring> | null = null;

  return {
    async find(tenantId, domains) {
      const current = ring !== null && clock() < freshUntil ? ring : await refresh();
      if (current.size === 0) return [];
      for (const domain of domains) {
        const entries = nearest(current, tenantId, foldDomain(domain));
        if (entries) return open(entries);
      }
      return [];
    },
  };

  /** Those who come meanwhile wait for the same answer. */
  function refresh(): Promise<Ring> {
    refreshing ??= read().finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  /** Without the database nothing is accepted either; what was known goes on until it is back. */
  async function read(): Promise<Ring> {
    try {
      const now = await keysRevision(db);
      if (ring === null || now !== revision) {
        ring = arrange(await listSigningKeys(db), ring);
        revision = now;
      }
    } catch (error) {
      if (ring === null) throw error;
      log.debug({ err: error }, 'signing keys not read again');
    }
    freshUntil = clock() + FRESH_MS;
    return ring;
  }

  async function open(entries: readonly Entry[]): Promise<SignatureKey[]> {
    const opener = entries.every(entry => entry.opened) ? null : await sealer();
    return entries.map(entry => {
      entry.opened ??= openKey(entry.row, opener!);
      return entry.opened;
    });
  }
}

/** What the private key of a selector is bound to. */
export function sealedFor(domain: string, selector: string): string {
  return `${selector}._domainkey.${domain}`;
}

function openKey({ domain, selector, algorithm, sealedPrivateKey }: SigningKeyRow, sealer: Sealer): SignatureKey {
  return {
    domain,
    selector,
    algorithm,
    privateKey: privateKeyOf(sealer.open(sealedPrivateKey, sealedFor(domain, selector))),
  };
}

function privateKeyOf(der: Buffer): KeyObject {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/** Keys that were opened stay open. RSA first: verifiers that know one algorithm know that one. */
function arrange(rows: readonly SigningKeyRow[], before: Ring | null): Ring {
  const opened = new Map([...(before?.values() ?? [])].flat().map(entry => [entry.row.publicKey, entry.opened]));
  const ring = new Map<string, Entry[]>();
  for (const row of rows) {
    const key = ringKey(row.tenantId, row.domain);
    const entries = ring.get(key) ?? [];
    entries.push({ row, opened: opened.get(row.publicKey) ?? null });
    ring.set(key, entries);
  }
  for (const entries of ring.values()) entries.sort((a, b) => (a.row.algorithm < b.row.algorithm ? 1 : -1));
  return ring;
}

/** d= may be above the author's domain: relaxed alignment (RFC 7489 section 3.1.1). Nobody can add a public suffix. */
function nearest(ring: Ring, tenantId: string, domain: string): readonly Entry[] | undefined {
  for (let rest = domain; ; rest = rest.slice(rest.indexOf('.') + 1)) {
    const entries = ring.get(ringKey(tenantId, rest));
    if (entries || !rest.includes('.')) return entries;
  }
}

function ringKey(tenantId: string, domain: string): string {
  return `${tenantId} ${domain}`;
}
