// Credentials: what a client logs in with, and what it may do then.
import { type Kysely, sql } from 'kysely';
import type { AuthenticationPolicy, DsnPolicy, Mode, OnSuppressed, OverQuota } from '../mail/submission.ts';
import type { Database } from './schema.ts';

export type Credential = {
  readonly credentialId: string;
  readonly tenantId: string;
  readonly name: string;
  readonly secretHash: string;
  /** null = the gateway's default. */
  readonly mode: Mode | null;
  readonly fromDomains: readonly string[];
  /** From these networks nobody needs to log in. */
  readonly networks: readonly string[];
  readonly authentication: AuthenticationPolicy;
  readonly overQuota: OverQuota;
  readonly onSuppressed: OnSuppressed;
  readonly controlHeaders: boolean;
  readonly dsn: DsnPolicy;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
};

const COLUMNS = [
  'credential_id as credentialId',
  'tenant_id as tenantId',
  'name',
  'secret_hash as secretHash',
  'mode',
  'from_domains as fromDomains',
  // pg leaves cidr[] as PostgreSQL writes it.
  sql<string[]>`networks::text[]`.as('networks'),
  'authentication',
  'over_quota as overQuota',
  'on_suppressed as onSuppressed',
  'control_headers as controlHeaders',
  'dsn',
  'created_at as createdAt',
  'last_used_at as lastUsedAt',
] as const;

/** How a credential is treated; what is left out stays as it is, or as the table has it at first. */
export type Treatment = Partial<
  Pick<
    Credential,
    'mode' | 'fromDomains' | 'networks' | 'authentication' | 'overQuota' | 'onSuppressed' | 'controlHeaders' | 'dsn'
  >
>;

export type NewCredential = Pick<Credential, 'credentialId' | 'tenantId' | 'name' | 'secretHash'> & Treatment;

/** false when the name is taken. */
export async function addCredential(db: Kysely<Database>, credential: NewCredential): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('credentials')
    .values({
      credential_id: credential.credentialId,
      tenant_id: credential.tenantId,
      name: credential.name,
      secret_hash: credential.secretHash,
      mode: null,
      from_domains: [],
      last_used_at: null,
      ...columnsOf(credential),
    })
    .onConflict(conflict => conflict.column('name').doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

export async function findCredential(db: Kysely<Database>, name: string): Promise<Credential | null> {
  const found = await db.selectFrom('credentials').select(COLUMNS).where('name', '=', name).executeTakeFirst();
  return found ?? null;
}

export function listCredentials(db: Kysely<Database>): Promise<Credential[]> {
  return db.selectFrom('credentials').select(COLUMNS).orderBy('name').execute();
}

/** Those that name networks, the oldest first. */
export function listTrustedCredentials(db: Kysely<Database>): Promise<Credential[]> {
  return db
    .selectFrom('credentials')
    .select(COLUMNS)
    .where(sql<boolean>`cardinality(networks) > 0`)
    .orderBy('created_at')
    .orderBy('credential_id')
    .execute();
}

export async function countCredentials(db: Kysely<Database>): Promise<number> {
  const { count } = await db
    .selectFrom('credentials')
    .select(expression => expression.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** false when there is none of that name. */
export async function setTreatment(db: Kysely<Database>, name: string, treatment: Treatment): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('credentials')
    .set(columnsOf(treatment))
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

function columnsOf({ mode, fromDomains, networks, ...rest }: Treatment) {
  const { authentication, overQuota, onSuppressed, controlHeaders, dsn } = rest;
  return {
    ...(mode !== undefined && { mode }),
    ...(fromDomains && { from_domains: [...fromDomains] }),
    ...(networks && { networks: [...networks] }),
    ...(authentication && { authentication }),
    ...(overQuota && { over_quota: overQuota }),
    ...(onSuppressed && { on_suppressed: onSuppressed }),
    ...(controlHeaders !== undefined && { control_headers: controlHeaders }),
    ...(dsn && { dsn }),
  };
}

/** false when there is none of that name. */
export async function setSecret(db: Kysely<Database>, name: string, secretHash: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('credentials')
    .set({ secret_hash: secretHash })
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** false when there is none of that name. */
export async function removeCredential(db: Kysely<Database>, name: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('credentials').where('name', '=', name).executeTakeFirstOrThrow();
  return numDeletedRows === 1n;
}

/** Of a credential that lives as long as one command. */
export function passingName(credentialId: string): string {
  return `postern-send-${credentialId.toLowerCase()}`;
}

/** Those of commands that were killed: none takes so long. */
export async function removePassingCredentials(db: Kysely<Database>): Promise<void> {
  await db
    .deleteFrom('credentials')
    .where('name', '=', sql<string>`'postern-send-' || lower(credential_id)`)
    .where('created_at', '<', sql<Date>`now() - interval '15 minutes'`)
    .execute();
}

export async function touchCredentials(
  db: Kysely<Database>,
  credentialIds: readonly string[],
  at: Date,
): Promise<void> {
  await db
    .updateTable('credentials')
    .set({ last_used_at: at })
    .where('credential_id', 'in', [...credentialIds])
    .execute();
}
