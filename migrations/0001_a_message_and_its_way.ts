// Tenants and credentials; messages with their content; deliveries, attempts and outcome events.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table tenants (
      tenant_id   text primary key check (tenant_id <> ''),
      created_at  timestamptz not null default now()
    )`.execute(db);
  await sql`insert into tenants (tenant_id) values ('default')`.execute(db);

  await sql`
    create table credentials (
      credential_id  text collate "C" primary key,
      tenant_id      text not null references tenants,
      -- What the client logs in with.
      name           text not null unique check (name <> '' and length(name) <= 255),
      -- Salted hash with the name of its scheme; the secret itself is nowhere.
      secret_hash    text not null,
      -- Null: whatever POSTERN_MODE says.
      mode           text check (mode in ('live', 'capture')),
      -- Empty: any domain.
      from_domains   text[] not null default '{}',
      created_at     timestamptz not null default now(),
      last_used_at   timestamptz
    )`.execute(db);

  await sql`
    create table admins (
      name         text primary key check (name <> ''),
      secret_hash  text not null,
      created_at   timestamptz not null default now()
    )`.execute(db);

  await sql`
    create table messages (
      message_id           text collate "C" primary key,
      tenant_id            text not null references tenants,
      credential_id        text not null,
      credential_name      text not null,
      stream               text not null check (stream in ('transactional', 'bulk')),
      -- Null is <>: mail that must never cause mail.
      reverse_path         text check (reverse_path <> ''),
      ret                  text check (ret in ('FULL', 'HDRS')),
      envid                text,
      body                 text not null check (body in ('7BIT', '8BITMIME')),
      smtp_utf8            boolean not null,
      internet_message_id  text,
      header_from          text,
      subject              text,
      -- Fields that we put in front of the content: Received, and Message-ID and Date where they were missing.
      trace_header         text not null,
      size                 integer not null check (size >= 0),
      remote_address       text not null,
      accepted_at          timestamptz not null,
      expires_at           timestamptz not null
    )`.execute(db);
  // message find --message-id; the header's id is how apps and bounces name a message.
  await sql`create index messages_internet_message_id on messages (internet_message_id)`.execute(db);

  await sql`
    create table contents (
      message_id  text collate "C" primary key references messages,
      bytes       bytea not null
    )`.execute(db);
  // Compressing 10 KiB costs more CPU than all the rest of accepting it.
  await sql`alter table contents alter column bytes set storage external`.execute(db);

  await sql`
    create table deliveries (
      message_id       text collate "C" not null references messages,
      n                integer not null check (n >= 0),
      recipient        text not null,
      -- Folded, for look-ups.
      recipient_key    text collate "C" not null,
      notify           text,
      orcpt            text,
      state            text not null check (state in
                         ('queued', 'held', 'captured', 'delivered', 'failed', 'expired', 'suppressed', 'cancelled')),
      -- Attempts begun. With lease_holder the fence: only who holds both may settle.
      attempt          integer not null default 0,
      lease_holder     text,
      -- When someone must look at it again: its retry time, or the end of the lease while it is leased.
      due_at           timestamptz,
      -- Waits for an upstream to come back, not for its time: taken in order of acceptance then.
      parked           boolean not null default false,
      -- The upstream of an attempt that may have delivered it: it is not handed to another one at once.
      pinned_upstream  text,
      -- Why it is in this state; the words of the decision.
      reason           text,
      updated_at       timestamptz not null default now(),
      primary key (message_id, n),
      check ((state = 'queued') = (due_at is not null)),
      check (state = 'queued' or lease_holder is null)
    ) with (fillfactor = 80)`.execute(db);
  // claimDue
  await sql`create index deliveries_due on deliveries (due_at) where state = 'queued'`.execute(db);
  // claimParked
  await sql`create index deliveries_parked on deliveries (message_id, n) where parked`.execute(db);
  // message find --to
  await sql`create index deliveries_recipient on deliveries (recipient_key, message_id)`.execute(db);

  await sql`
    create table attempts (
      message_id      text collate "C" not null,
      n               integer not null,
      attempt         integer not null,
      -- Upstreams tried within one attempt, from 0.
      hop             integer not null,
      upstream        text not null,
      opened_at       timestamptz not null,
      -- Null: it may have been delivered.
      ended_at        timestamptz,
      result          text check (result in ('accepted', 'refused', 'unreachable', 'uncertain', 'skipped')),
      stage           text,
      scope           text,
      smtp_code       integer,
      enhanced_status text,
      -- The reply's text, or the error.
      detail          text,
      remote_address  text,
      tls             text,
      -- What was decided, and why.
      decision        text,
      primary key (message_id, n, attempt, hop),
      foreign key (message_id, n) references deliveries,
      check ((ended_at is null) = (result is null))
    ) with (fillfactor = 80)`.execute(db);

  await sql`
    create table events (
      event_id    bigint generated always as identity primary key,
      -- Followers read behind the oldest transaction still open: ids alone do not come in order of commit.
      xact        xid8 not null default pg_current_xact_id(),
      at          timestamptz not null default now(),
      kind        text not null,
      message_id  text collate "C" not null references messages,
      -- Null: about the message as a whole.
      n           integer,
      data        jsonb
    )`.execute(db);
  // message show
  await sql`create index events_message on events (message_id)`.execute(db);
}
