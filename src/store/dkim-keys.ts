// DKIM keys: born waiting, signing once they were seen in the DNS, retired when the next of their algorithm signs. A
// retired one stays until its record may go, because mail that it signed is still on its way.
import { type Kysely, sql } from 'kysely';
import { insertDomainEvent } from './domains.ts';
import type { Database } from './schema.ts';

export type DkimAlgorithm = 'rsa-sha256' | 'ed25519-sha256';

export type DkimKey = {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  /** What p= says. */
  readonly publicKey: string;
  readonly createdAt: Date;
  /** null = waits to be seen in the DNS. */
  readonly activeFrom: Date | null;
  readonly retiredAt: Date | null;
};

export type NewDkimKey = Pick<DkimKey, 'domain' | 'selector' | 'algorithm' | 'publicKey'> & {
  readonly sealedPrivateKey: Buffer;
};

export type SigningKeyRow = NewDkimKey & { readonly tenantId: string };

const COLUMNS = [
  'domain',
  'selector',
  'algorithm',
  'public_key as publicKey',
  'created_at as createdAt',
  'active_from as activeFrom',
  'retired_at as retiredAt',
] as const;

export async function insertKeys(db: Kysely<Database>, keys: readonly NewDkimKey[]): Promise<void> {
  await db
    .insertInto('dkim_keys')
    .values(
      keys.map(({ domain, selector, algorithm, publicKey, sealedPrivateKey }) => ({
        ...{ domain, selector, algorithm, active_from: null, retired_at: null },
        public_key: publicKey,
        sealed_private_key: sealedPrivateKey,
      })),
    )
    .execute();
}

/** Oldest first. */
export function listKeys(db: Kysely<Database>, domain: string): Promise<DkimKey[]> {
  return db
    .selectFrom('dkim_keys')
    .select(COLUMNS)
    .where('domain', '=', domain)
    .orderBy('created_at')
    .orderBy('algorithm', 'desc')
    .execute();
}

/** From now on these sign, and those of the same algorithms before them do not; returns which had waited. */
export function activateKeys(db: Kysely<Database>, domain: string, selectors: readonly string[]): Promise<string[]> {
  return db.transaction().execute(async trx => {
    const waiting = await trx
      .selectFrom('dkim_keys')
      .select(['selector', 'algorithm'])
      .where('domain', '=', domain)
      .where('selector', 'in', [...selectors, ''])
      .where('active_from', 'is', null)
      .orderBy('algorithm', 'desc')
      .forUpdate()
      .execute();
    if (waiting.length === 0) return [];
    const retired = await trx
      .updateTable('dkim_keys')
      .set({ retired_at: sql`now()` })
      .where('domain', '=', domain)
      .where(
        'algorithm',
        'in',
        waiting.map(({ algorithm }) => algorithm),
      )
      .where('active_from', 'is not', null)
      .where('retired_at', 'is', null)
      .returning('selector')
      .execute();
    const signing = waiting.map(({ selector }) => selector);
    await trx
      .updateTable('dkim_keys')
      .set({ active_from: sql`now()` })
      .where('domain', '=', domain)
      .where('selector', 'in', signing)
      .execute();
    const data = { selectors: signing, retired: retired.map(({ selector }) => selector) };
    await insertDomainEvent(trx, domain, 'dkim-key-signs', data);
    return signing;
  });
}

/** Retired ones only. */
export async function forgetKeys(db: Kysely<Database>, domain: string, selectors: readonly string[]): Promise<void> {
  await db
    .deleteFrom('dkim_keys')
    .where('domain', '=', domain)
    .where('selector', 'in', [...selectors, ''])
    .where('retired_at', 'is not', null)
    .execute();
}

/** Another one whenever any key changed. */
export async function keysRevision(db: Kysely<Database>): Promise<string> {
  return (await db.selectFrom('dkim_keys_revision').select('revision').executeTakeFirstOrThrow()).revision;
}

export function listSigningKeys(db: Kysely<Database>): Promise<SigningKeyRow[]> {
  return db
    .selectFrom('dkim_keys')
    .innerJoin('domains', 'domains.domain', 'dkim_keys.domain')
    .select(['dkim_keys.domain', 'selector', 'algorithm', 'tenant_id as tenantId'])
    .select(['public_key as publicKey', 'sealed_private_key as sealedPrivateKey'])
    .where('active_from', 'is not', null)
    .where('retired_at', 'is', null)
    .execute();
}

/** One of them, to find out whether our secret key opens what is stored; null when there is none. */
export async function anySealedKey(
  db: Kysely<Database>,
): Promise<Pick<SigningKeyRow, 'domain' | 'selector' | 'sealedPrivateKey'> | null> {
  const found = await db
    .selectFrom('dkim_keys')
    .select(['domain', 'selector', 'sealed_private_key as sealedPrivateKey'])
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return found ?? null;
}
