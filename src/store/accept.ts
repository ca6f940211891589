// Makes messages durable: one statement, and so one transaction, for all that finished DATA in the meantime.
import type { Pool } from 'pg';
import type { DeliveryState, EventKind } from '../mail/outcome.ts';
import type { MessageId, Stream } from '../mail/submission.ts';
import { againAfterDeadlock } from '../platform/postgres.ts';
import { IS_PARKED } from './deliveries.ts';
import type { Connection } from './transaction.ts';

export type NewMessage = {
  readonly messageId: MessageId;
  readonly tenantId: string;
  readonly credentialId: string;
  readonly credentialName: string;
  readonly stream: Stream;
  readonly reversePath: string | null;
  readonly ret: 'FULL' | 'HDRS' | null;
  readonly envid: string | null;
  readonly body: '7BIT' | '8BITMIME';
  readonly smtpUtf8: boolean;
  readonly internetMessageId: string | null;
  readonly headerFrom: string | null;
  readonly subject: string | null;
  readonly traceHeader: string;
  readonly remoteAddress: string;
  readonly acceptedAt: Date;
  readonly expiresAt: Date;
  /** Ranges of the content that stay here: start, end, start, end, … */
  readonly omitted: readonly number[];
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly track: readonly string[] | null;
  readonly authentication: object | null;
};

export type NewDelivery = {
  readonly n: number;
  readonly recipient: string;
  readonly recipientKey: string;
  readonly notify: string | null;
  readonly orcpt: string | null;
  readonly state: DeliveryState;
  readonly attempt: number;
  readonly leaseHolder: string | null;
  /** From now; null unless queued. */
  readonly dueInMs: number | null;
  /** As in `DeliveryChange`. */
  readonly waitsFor: string | null;
  readonly pinnedUpstream: string | null;
  readonly reason: string | null;
  /** From now, when that is later than its acceptance; null: with it. */
  readonly beginsInMs: number | null;
  /** What its beginning is in the timeline, where that is worth saying. */
  readonly event: 'held' | 'deferred' | 'scheduled' | null;
};

/** The attempt that a handed-over delivery begins with: the upstreams passed over, and the one that is tried. */
export type NewAttempt = { readonly hop: number; readonly upstream: string; readonly skipped: string | null };

export type Acceptance = {
  readonly message: NewMessage;
  readonly content: Buffer;
  readonly deliveries: readonly NewDelivery[];
  /** The same for each delivery. */
  readonly attempts: readonly NewAttempt[];
  readonly event: EventKind;
  /** What a repeat of this submission would have in common with it. */
  readonly repeatKey: RepeatKey | null;
};

export type RepeatKey = {
  /** Base64, 16 bytes: credential and key. */
  readonly key: string;
  /** Base64, 16 bytes: reverse-path and recipients. */
  readonly envelope: string;
  readonly forMs: number;
};

export type AcceptResult =
  /** `suppressed`: recipients on the suppression list, stored and never tried. */
  | { readonly kind: 'accepted'; readonly suppressed: readonly SuppressedRecipient[] }
  /** Nothing was stored: an earlier submission with the same key was. */
  | { readonly kind: 'repeated'; readonly messageId: MessageId; readonly sameEnvelope: boolean };

export type SuppressedRecipient = { readonly n: number; readonly reason: string };

// JSON in, rows out: one parameter a table. Deliveries repeat what they need of their message: joining the two parameters
// would compare each with each, as this connection has no hash joins (postgres.ts). Contents travel as one binary value that is cut up there, since an array of
// bytea would be sent as hexadecimal text at twice the size.
const insertAccepted = (delivery: string) => `
with taken as (
  select * from json_to_recordset($1::json) as m (
    "messageId" text, "tenantId" text, "credentialId" text, "credentialName" text, "stream" text, "reversePath" text,
    "ret" text, "envid" text, "body" text, "smtpUtf8" boolean, "internetMessageId" text, "headerFrom" text,
    "subject" text, "traceHeader" text, "remoteAddress" text, "acceptedAt" timestamptz, "expiresAt" timestamptz,
    "omitted" integer[], "tags" text[], "metadata" jsonb, "track" text[], "authentication" jsonb,
    "start" integer, "size" integer, "event" text, "key" text, "envelope" text, "keyForMs" double precision)
), keys as (
  insert into submission_keys (key, envelope, message_id, expires_at)
  select decode("key", 'base64'), decode("envelope", 'base64'), "messageId", now() + "keyForMs" * interval '1 ms'
  from taken where "key" is not null order by "key"
  on conflict (key) do update
  set envelope = excluded.envelope, message_id = excluded.message_id, expires_at = excluded.expires_at
  where submission_keys.expires_at <= now()
  returning message_id
), repeated as materialized (
  select "messageId" from taken where "key" is not null and "messageId" not in (select message_id from keys)
), message as (
  select * from taken where "messageId" not in (select "messageId" from repeated)
), wanted as (
  select * from json_to_recordset($2::json) as d (
    "messageId" text, "n" integer, "recipient" text, "recipientKey" text, "notify" text, "orcpt" text, "state" text,
    "attempt" integer, "leaseHolder" text, "dueInMs" double precision, "waitsFor" text, "pinnedUpstream" text,
    "reason" text, "beginsInMs" double precision, "event" text, "attempts" json, "tenantId" text, "stream" text)
  where "messageId" not in (select "messageId" from repeated)
), ${delivery}), new_messages as (
  insert into messages
  select "messageId", "tenantId", "credentialId", "credentialName", "stream", "reversePath", "ret", "envid", "body",
         "smtpUtf8", "internetMessageId", "headerFrom", "subject", "traceHeader", "size", "remoteAddress",
         "acceptedAt", "expiresAt", "omitted", "tags", "metadata", "track", "authentication"
  from message
), new_contents as (
  insert into contents select "messageId", substring($3::bytea from "start" + 1 for "size") from message
), new_deliveries as (
  insert into deliveries
  select "messageId", "n", "recipient", "recipientKey", "notify", "orcpt", "state", "attempt", "leaseHolder",
         now() + "dueInMs" * interval '1 ms', ${IS_PARKED('"waitsFor"')}, "pinnedUpstream", "reason", now(),
         "stream", "waitsFor", now() + "beginsInMs" * interval '1 ms'
  from delivery where "suppressed" is null
  union all
  select "messageId", "n", "recipient", "recipientKey", "notify", "orcpt", 'suppressed', 0, null,
         null, false, null, "suppressed", now(), "stream", null, null
  from delivery where "suppressed" is not null
), new_attempts as (
  insert into attempts (message_id, n, attempt, hop, upstream, opened_at, ended_at, result, detail)
  select "messageId", "n", 1, a."hop", a."upstream", now(),
         case when a."skipped" is not null then now() end, case when a."skipped" is not null then 'skipped' end, a."skipped"
  from delivery cross join json_to_recordset("attempts") as a ("hop" integer, "upstream" text, "skipped" text)
  where "suppressed" is null and "attempt" = 1
), new_events as (
  insert into events (kind, message_id, n, data)
  select "event", "messageId", null::integer, null::jsonb from message
  union all
  select 'suppressed', "messageId", "n", jsonb_build_object('reason', "suppressed")
  from delivery where "suppressed" is not null
  union all
  select "event", "messageId", "n", jsonb_build_object('reason', "reason")
  from delivery where "suppressed" is null and "event" is not null
)
select "messageId", "n", "suppressed" as "reason" from delivery where "suppressed" is not null
union all
select "messageId", null::integer, null::text from repeated`;

// Recipients that are suppressed. Where a suppression's time is over it divides by zero on purpose: nothing is written, and
// the statement with probes is run instead. Those are few, and its update cost every batch 0.1 ms of PostgreSQL.
const INSERT_ACCEPTED = insertAccepted(`delivery as (
  select wanted.*, s.reason as "suppressed"
  from wanted left join lateral (
    select case when expires_at is null or expires_at > now() then reason
                else (1 / (expires_at > now())::integer)::text end as reason
    from suppressions
    where address_key = wanted."recipientKey" and wanted."state" <> 'captured'
      and (tenant_id is null or tenant_id = wanted."tenantId") and (stream is null or stream = wanted."stream")
      and (expires_at is null or expires_at > now()
           or passed_at is null and reason in ('hard-bounce', 'soft-bounces'))
    limit 1
  ) s on true
`);
const DIVISION_BY_ZERO = '22012';

const INSERT_WITH_PROBES = insertAccepted(`looked_up as materialized (
  select wanted.*, s."reason" as "active", s."lapsed", s."lapsedReason"
  from wanted left join lateral (
    select min(reason) filter (where expires_at is null or expires_at > now()) as "reason",
           array_agg(suppression_id) filter (where expires_at <= now()) as "lapsed",
           min(reason) filter (where expires_at <= now()) as "lapsedReason"
    from suppressions
    where address_key = wanted."recipientKey" and wanted."state" <> 'captured'
      and (tenant_id is null or tenant_id = wanted."tenantId") and (stream is null or stream = wanted."stream")
      and (expires_at is null or expires_at > now()
           or passed_at is null and reason in ('hard-bounce', 'soft-bounces'))
  ) s on true
), probes as (
  -- Whoever comes second finds expires_at in the future: here, in a statement that waits for this one, and from then on.
  update suppressions s
  set expires_at = now() + interval '3 days', probe_message_id = p."messageId", probe_n = p."n"
  from (
    select distinct on (id) id, "messageId", "n" from looked_up cross join unnest("lapsed") as id
    where "active" is null and "state" = 'queued' order by id, "messageId", "n"
  ) p
  where s.suppression_id = p.id and s.expires_at <= now() and s.passed_at is null
  returning s.suppression_id, p."messageId", p."n"
), delivery as (
  select l.*, case
    when "active" is not null or "lapsed" is null or "state" <> 'queued' then "active"
    when (select count(*) from probes p where p."messageId" = l."messageId" and p."n" = l."n") < cardinality("lapsed")
    then "lapsedReason"
  end as "suppressed"
  from looked_up l
`);

type Row = { readonly messageId: MessageId; readonly n: number | null; readonly reason: string };

/** Resolves after the commit, with what became of each. Two of one batch may have the same key: the first is stored. */
export async function acceptMessages(pool: Pool, batch: readonly Acceptance[]): Promise<AcceptResult[]> {
  const firstOfKey = new Map<string, Acceptance>();
  for (const item of batch) {
    const key = item.repeatKey?.key;
    if (key !== undefined && !firstOfKey.has(key)) firstOfKey.set(key, item);
  }
  const isFirst = (item: Acceptance) => item.repeatKey === null || firstOfKey.get(item.repeatKey.key) === item;
  const rows = await insert(pool, batch.filter(isFirst));
  const repeated = new Set(rows.filter(({ n }) => n === null).map(({ messageId }) => messageId));
  const isRepeat = (item: Acceptance) => !isFirst(item) || repeated.has(item.message.messageId);
  const originals = await findOriginals(pool, batch.filter(isRepeat));
  return batch.map(item => {
    const { messageId } = item.message;
    const original = originals.get(item);
    if (original) return { kind: 'repeated', ...original };
    const suppressed = rows.filter(row => row.messageId === messageId && row.n !== null);
    return { kind: 'accepted', suppressed: suppressed.map(({ n, reason }) => ({ n: n!, reason })) };
  });
}

export type Original = { readonly messageId: MessageId; readonly sameEnvelope: boolean };

/** What was stored under the same key; that it came again is told in its timeline. */
async function findOriginals(pool: Pool, repeats: readonly Acceptance[]): Promise<Map<Acceptance, Original>> {
  const originals = new Map<Acceptance, Original>();
  for (const item of repeats) {
    const { rows } = await pool.query<Original>({
      name: 'find-original',
      text: `with original as (
               select message_id, envelope = decode($2, 'base64') as same from submission_keys
               where key = decode($1, 'base64')
             ), told as (
               insert into events (kind, message_id, data)
               select 'repeated', o.message_id, jsonb_build_object('remoteAddress', $3::text)
               from original o join messages m using (message_id) where o.same
             )
             select message_id as "messageId", same as "sameEnvelope" from original`,
      values: [item.repeatKey!.key, item.repeatKey!.envelope, item.message.remoteAddress],
    });
    if (!rows[0]) throw new Error('the submission that this one repeats is gone');
    originals.set(item, rows[0]);
  }
  return originals;
}

/** What a submission with that key would repeat now, or null; tells nobody. */
export async function findRepeated(pool: Pool, { key, envelope }: RepeatKey): Promise<Original | null> {
  const { rows } = await pool.query<Original>({
    name: 'find-repeated',
    text: `select message_id as "messageId", envelope = decode($2, 'base64') as "sameEnvelope" from submission_keys
           where key = decode($1, 'base64') and expires_at > now()`,
    values: [key, envelope],
  });
  return rows[0] ?? null;
}

/** Messages of our own, within the caller's transaction; by the statement that needs no second one, should one lapse. */
export async function acceptWithin(connection: Connection, batch: readonly Acceptance[]): Promise<void> {
  if (batch.length === 0) return;
  await connection.query({ name: 'insert-with-probes', text: INSERT_WITH_PROBES, values: valuesOf(batch) });
}

async function insert(pool: Pool, batch: readonly Acceptance[]): Promise<Row[]> {
  if (batch.length === 0) return [];
  const values = valuesOf(batch);
  const run = async (query: { name: string; text: string }) => {
    const { rows } = await againAfterDeadlock(() => pool.query<Row>({ ...query, values }));
    return rows;
  };
  return run({ name: 'insert-accepted', text: INSERT_ACCEPTED }).catch(error => {
    if (error.code !== DIVISION_BY_ZERO) throw error;
    return run({ name: 'insert-with-probes', text: INSERT_WITH_PROBES });
  });
}

function valuesOf(batch: readonly Acceptance[]): unknown[] {
  const messages: object[] = [];
  const deliveries: object[] = [];
  let start = 0;
  for (const { message, content, attempts, event, repeatKey, deliveries: own } of batch) {
    const { messageId, tenantId, stream } = message;
    const { key, envelope, forMs } = repeatKey ?? {};
    messages.push({ ...message, start, size: content.length, event, key, envelope, keyForMs: forMs });
    for (const delivery of own) deliveries.push({ ...delivery, messageId, tenantId, stream, attempts });
    start += content.length;
  }
  const contents =
    batch.length === 1
      ? batch[0]!.content
      : Buffer.concat(
          batch.map(({ content }) => content),
          start,
        );
  return [JSON.stringify(messages), JSON.stringify(deliveries), contents];
}

/** Keys whose time is over; returns how many there were, `limit` at most. */
export async function deleteExpiredKeys(pool: Pool, limit: number): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'delete-expired-keys',
    text: `delete from submission_keys where key = any(array(
             select key from submission_keys where expires_at <= now() order by expires_at limit $1
             for update skip locked))`,
    values: [limit],
  });
  return rowCount ?? 0;
}
