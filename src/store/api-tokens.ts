// Tokens of the HTTP API. One that was removed stays, revoked: its name stands beside what it did.
import type { Pool } from '../platform/postgres.ts';

export type ApiToken = {
  readonly tokenId: string;
  readonly name: string;
  readonly secretHash: string;
  readonly isReadOnly: boolean;
  readonly createdAt: Date;
  /** null = never. */
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  /** By the database's clock: it opens the door now. */
  readonly isValid: boolean;
};

const COLUMNS = `token_id as "tokenId", name, secret_hash as "secretHash", is_read_only as "isReadOnly",
  created_at as "createdAt", expires_at as "expiresAt", last_used_at as "lastUsedAt", revoked_at as "revokedAt",
  revoked_at is null and (expires_at is null or expires_at > now()) as "isValid"`;

export type NewApiToken = Pick<ApiToken, 'tokenId' | 'name' | 'secretHash' | 'isReadOnly'> & {
  /** null = for ever. */
  readonly validForMs: number | null;
};

/** When it expires; false when the name is taken. */
export async function addApiToken(pool: Pool, token: NewApiToken): Promise<{ expiresAt: Date | null } | false> {
  const { rows } = await pool.query<{ expiresAt: Date | null }>(
    `insert into api_tokens (token_id, name, secret_hash, is_read_only, expires_at)
     values ($1, $2, $3, $4, now() + $5::float8 * interval '1 ms')
     on conflict (name) where revoked_at is null do nothing
     returning expires_at as "expiresAt"`,
    [token.tokenId, token.name, token.secretHash, token.isReadOnly, token.validForMs],
  );
  return rows[0] ?? false;
}

export async function findApiToken(pool: Pool, tokenId: string): Promise<ApiToken | null> {
  const { rows } = await pool.query<ApiToken>({
    name: 'find-api-token',
    text: `select ${COLUMNS} from api_tokens where token_id = $1`,
    values: [tokenId],
  });
  return rows[0] ?? null;
}

/** By name; those that were removed behind the others, the last one first. */
export async function listApiTokens(pool: Pool): Promise<ApiToken[]> {
  const { rows } = await pool.query<ApiToken>(
    `select ${COLUMNS} from api_tokens order by revoked_at desc nulls first, name`,
  );
  return rows;
}

/** false when there is none of that name. */
export async function revokeApiToken(pool: Pool, name: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    'update api_tokens set revoked_at = now() where name = $1 and revoked_at is null',
    [name],
  );
  return rowCount === 1;
}

export async function touchApiTokens(pool: Pool, tokenIds: readonly string[]): Promise<void> {
  await pool.query('update api_tokens set last_used_at = now() where token_id = any($1)', [tokenIds]);
}
