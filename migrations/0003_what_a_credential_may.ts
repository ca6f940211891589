// What each credential may do and how it is treated; what apps say about a message in control headers; submissions that
// are recognised when they come again; events that are about no message.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table credentials
      -- From there, nobody needs to log in: the connection is this credential's.
      add column networks cidr[] not null default '{}',
      -- SPF, DKIM, DMARC and ARC: not looked at, noted, or a reason to refuse.
      add column authentication text not null default 'observe'
        check (authentication in ('off', 'observe', 'enforce')),
      -- What becomes of mail beyond a quota.
      add column over_quota text not null default 'defer' check (over_quota in ('defer', 'reject', 'hold')),
      -- Whether RCPT says that an address is suppressed, or the message is taken and that recipient left out.
      add column on_suppressed text not null default 'accept' check (on_suppressed in ('accept', 'reject')),
      -- Whether X-Postern-… and its dialects mean anything; they are taken out either way.
      add column control_headers boolean not null default true`.execute(db);

  await sql`
    alter table messages
      -- Ranges of the content that do not leave the house, as start, end, start, end, …: control headers.
      add column omitted integer[] not null default '{}',
      add column tags text[] not null default '{}',
      -- What the app wants to find the message by.
      add column metadata jsonb,
      -- What the app asked to have tracked.
      add column track text[],
      -- Results of SPF, DKIM, DMARC and ARC, as they came in and as they will be seen.
      add column authentication jsonb`.execute(db);
  // message find --tag
  await sql`create index messages_tags on messages using gin (tags) where tags <> '{}'`.execute(db);

  await sql`
    create table submission_keys (
      -- Hash of the credential and of what makes two submissions one.
      key          bytea primary key,
      -- Hash of the envelope: one key for two envelopes is a mistake of the app.
      envelope     bytea not null,
      message_id   text collate "C" not null,
      expires_at   timestamptz not null
    )`.execute(db);
  // deleteExpiredKeys
  await sql`create index submission_keys_expiry on submission_keys (expires_at)`.execute(db);

  await sql`
    alter table events
      alter column message_id drop not null,
      -- What it is about when it is not about a message: domain:example.com, credential:app.
      add column topic text,
      add check (message_id is not null or topic is not null)`.execute(db);
  // event list
  await sql`create index events_topic on events (event_id) where topic is not null`.execute(db);
}
