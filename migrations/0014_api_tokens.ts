// What programs come to the HTTP API with.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table api_tokens (
      -- Part of the token itself: by it the row is found.
      token_id      text collate "C" primary key,
      name          text not null check (name <> '' and length(name) <= 255),
      -- Salted hash with the name of its scheme; the token itself is nowhere.
      secret_hash   text not null,
      is_read_only  boolean not null default false,
      created_at    timestamptz not null default now(),
      expires_at    timestamptz,
      last_used_at  timestamptz,
      -- Kept after that: what a token did stands in events and log under its name.
      revoked_at    timestamptz
    )`.execute(db);
  // Of tokens that are gone a name may come again. addApiToken, revokeApiToken
  await sql`create unique index api_tokens_by_name on api_tokens (name) where revoked_at is null`.execute(db);
}
