// Logins of the people who run the gateway.
import type { Kysely } from 'kysely';
import type { Database } from './schema.ts';

export async function countAdmins(db: Kysely<Database>): Promise<number> {
  const row = await db
    .selectFrom('admins')
    .select(e => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** The hash of its password. */
export async function findAdminSecret(db: Kysely<Database>, name: string): Promise<string | null> {
  const found = await db.selectFrom('admins').select('secret_hash').where('name', '=', name).executeTakeFirst();
  return found?.secret_hash ?? null;
}

/** false when the name is taken. */
export async function addAdmin(db: Kysely<Database>, name: string, secretHash: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('admins')
    .values({ name, secret_hash: secretHash })
    .onConflict(conflict => conflict.column('name').doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

export async function removeAdmin(db: Kysely<Database>, name: string): Promise<void> {
  await db.deleteFrom('admins').where('name', '=', name).execute();
}
