// Domains that we send from, what their DNS said last, and the keys that sign for them.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table domains (
      -- A-labels in lower case: as d= and the DNS have it.
      domain      text collate "C" primary key check (domain ~ '^[a-z0-9.-]+$' and length(domain) <= 253),
      -- Keys sign for their own tenant's mail only.
      tenant_id   text not null references tenants,
      created_at  timestamptz not null default now(),
      -- When a process took it upon itself to check; also what keeps others from doing the same.
      checked_at  timestamptz,
      -- Findings of the last check that got all its answers.
      result      jsonb
    )`.execute(db);

  await sql`
    create table dkim_keys (
      domain              text collate "C" not null references domains on delete cascade,
      selector            text collate "C" not null check (selector ~ '^[a-z0-9]+$' and length(selector) <= 63),
      algorithm           text not null check (algorithm in ('rsa-sha256', 'ed25519-sha256')),
      -- What p= says.
      public_key          text not null unique,
      -- PKCS #8, encrypted under a key that is not in the database (src/platform/sealing.ts).
      sealed_private_key  bytea not null,
      created_at          timestamptz not null default now(),
      -- Null: waits to be seen in the DNS.
      active_from         timestamptz,
      retired_at          timestamptz,
      primary key (domain, selector),
      check (retired_at is null or active_from is not null)
    )`.execute(db);
  // One that signs, and one that waits, for each algorithm: two rotations at once would undo each other.
  await sql`
    create unique index dkim_keys_signing on dkim_keys (domain, algorithm)
    where active_from is not null and retired_at is null`.execute(db);
  await sql`
    create unique index dkim_keys_waiting on dkim_keys (domain, algorithm) where active_from is null`.execute(db);

  // What signers ask for instead of the keys: whether it is another number than before. A trigger, so that a row changed by
  // hand is followed too. Its row lock makes changes commit one after the other, and so in the order of the numbers.
  await sql`
    create table dkim_keys_revision (
      is_only   boolean primary key default true check (is_only),
      revision  bigint not null
    )`.execute(db);
  await sql`insert into dkim_keys_revision (revision) values (1)`.execute(db);
  await sql`
    create function note_dkim_keys_change() returns trigger language plpgsql as
    'begin update dkim_keys_revision set revision = revision + 1; return null; end'`.execute(db);
  await sql`
    create trigger dkim_keys_changed after insert or update or delete or truncate on dkim_keys
    for each statement execute function note_dkim_keys_change()`.execute(db);
}
