// Deliveries as a queue: claiming what is due under a lease, recording what came of it, giving leases back.
// A lease is the pair (lease_holder, attempt); whoever lost it changes nothing any more.
import type { Pool } from 'pg';
import type { DeliveryState, EventKind } from '../mail/outcome.ts';
import type { MessageId, Stream } from '../mail/submission.ts';
import type { AttemptResult, Scope, Stage } from '../mail/upstream.ts';
import { againAfterDeadlock } from '../platform/postgres.ts';

export type ClaimedDelivery = {
  readonly messageId: MessageId;
  readonly n: number;
  /** Already counted up. */
  readonly attempt: number;
  /** Claims among these that came to nothing. */
  readonly uncounted: number;
  readonly recipient: string;
  readonly notify: string | null;
  readonly orcpt: string | null;
  readonly pinnedUpstream: string | null;
  /** Why it waited until now. */
  readonly reason: string | null;
  readonly reversePath: string | null;
  readonly ret: 'FULL' | 'HDRS' | null;
  readonly envid: string | null;
  readonly body: '7BIT' | '8BITMIME';
  readonly smtpUtf8: boolean;
  readonly traceHeader: string;
  /** Ranges of the content that stay here. */
  readonly omitted: readonly number[];
  readonly size: number;
  readonly acceptedAt: Date;
  readonly expiresAt: Date;
  readonly tenantId: string;
  readonly credentialName: string;
  readonly stream: Stream;
  readonly tags: readonly string[];
  readonly headerFrom: string | null;
};

export type Claim = {
  readonly claimed: readonly ClaimedDelivery[];
  /** Settled by the claim itself. */
  readonly suppressed: readonly { readonly messageId: MessageId; readonly n: number; readonly reason: string }[];
  /** How many these are, of each stream. */
  readonly found: Readonly<Record<Stream, number>>;
};

// What waited is asked about once more: an address may have been suppressed since it was accepted. Not what a person let
// go, and not the message by which an address on probation is tried out.
const FIRST = (which: string, order: string, stream: Stream, limit: string) => `
  select message_id, n, recipient_key, by_hand from deliveries
  where ${which} and stream = '${stream}' order by ${order} limit ${limit} for update skip locked`;
const CLAIM = (which: string, order: string) => `
with due_transactional as (${FIRST(which, order, 'transactional', '$1')}
), due_bulk as (${FIRST(which, order, 'bulk', '$2')}
), due as (
  select * from due_transactional union all select * from due_bulk
), judged as (
  select due.message_id, due.n, s.reason as suppressed
  from due join messages m using (message_id) left join lateral (
    select s.reason from suppressions s
    where s.address_key = due.recipient_key and (s.expires_at is null or s.expires_at > now())
      and (s.tenant_id is null or s.tenant_id = m.tenant_id) and (s.stream is null or s.stream = m.stream)
      and (s.probe_message_id is distinct from due.message_id or s.probe_n is distinct from due.n)
      and not due.by_hand
    limit 1
  ) s on true
), suppressed as (
  update deliveries d
  set state = 'suppressed', due_at = null, lease_holder = null, parked = false, waits_for = null, reason = j.suppressed,
      updated_at = now()
  from judged j where j.suppressed is not null and d.message_id = j.message_id and d.n = j.n
  returning d.message_id, d.n, d.reason, d.stream
), told as (
  insert into events (kind, message_id, n, data)
  select 'suppressed', message_id, n, jsonb_build_object('reason', reason) from suppressed
), claimed as (
  update deliveries d
  set attempt = attempt + 1, lease_holder = $3, due_at = now() + $4 * interval '1 ms', parked = false, waits_for = null,
      updated_at = now()
  from judged j where j.suppressed is null and d.message_id = j.message_id and d.n = j.n
  returning d.*
)
select c.message_id as "messageId", c.n, null::text as suppressed, c.attempt, c.uncounted,
       c.recipient, c.notify, c.orcpt,
       c.pinned_upstream as "pinnedUpstream", c.reason, m.reverse_path as "reversePath", m.ret, m.envid, m.body,
       m.smtp_utf8 as "smtpUtf8", m.trace_header as "traceHeader", m.omitted, m.size,
       m.accepted_at as "acceptedAt", m.expires_at as "expiresAt", m.tenant_id as "tenantId",
       m.credential_name as "credentialName", m.stream, m.tags, m.header_from as "headerFrom"
from claimed c join messages m using (message_id)
union all
select message_id, n, reason, ${'null, '.repeat(19)}stream, null, null from suppressed
order by "messageId", n`;

const CLAIM_DUE = CLAIM(`state = 'queued' and not parked and due_at <= now()`, 'due_at');
const CLAIM_PARKED = CLAIM('parked and waits_for = $5', 'message_id, n');

/**
 * What is due, longest due first; or what is parked for a route, first accepted first. At most so many of each stream.
 */
export async function claimDeliveries(
  pool: Pool,
  options: {
    /** null = what is due. */
    parkedFor: string | null;
    limits: Readonly<Record<Stream, number>>;
    holder: string;
    leaseMs: number;
  },
): Promise<Claim> {
  const { parkedFor, limits, holder, leaseMs } = options;
  const values = [limits.transactional, limits.bulk, holder, leaseMs, ...(parkedFor === null ? [] : [parkedFor])];
  const text = parkedFor === null ? CLAIM_DUE : CLAIM_PARKED;
  const name = parkedFor === null ? 'claim-due' : 'claim-parked';
  const { rows } = await pool.query<ClaimedDelivery & { suppressed: string | null }>({ name, text, values });
  const suppressed = rows.filter(row => row.suppressed !== null);
  return {
    claimed: suppressed.length === 0 ? rows : rows.filter(row => row.suppressed === null),
    suppressed: suppressed.map(({ messageId, n, suppressed: reason }) => ({ messageId, n, reason: reason! })),
    found: {
      transactional: rows.filter(({ stream }) => stream === 'transactional').length,
      bulk: rows.filter(({ stream }) => stream === 'bulk').length,
    },
  };
}

/** Routes that mail is parked for. A look at the index for each of them, however much is parked. */
export async function parkedRoutes(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>({
    name: 'parked-routes',
    text: `with recursive routes as (
             (select waits_for as name from deliveries where parked order by waits_for limit 1)
             union all
             select (select waits_for from deliveries where parked and waits_for > routes.name
                     order by waits_for limit 1)
             from routes where routes.name is not null
           )
           select name from routes where name is not null`,
  });
  return rows.map(({ name }) => name);
}

/** Routes are other ones now: what was parked for the old ones is asked again. Returns how much, `limit` at most. */
export async function unpark(pool: Pool, limit: number): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'unpark',
    text: `update deliveries d set parked = false, waits_for = null, due_at = now()
           from (select message_id, n from deliveries where parked and lease_holder is null
                 order by waits_for, stream, message_id, n limit $1 for update skip locked) as first
           where d.message_id = first.message_id and d.n = first.n`,
    values: [limit],
  });
  return rowCount ?? 0;
}

const NEXT_DUE = (stream: Stream) => `(
  select min(due_at) from deliveries
  where stream = '${stream}' and state = 'queued' and not parked and lease_holder is null
    and due_at > now() and due_at < now() + $1 * interval '1 ms')`;

/** When the next delivery that nobody has leased is due, if that is within `withinMs`; null = none is. */
export async function nextDueInMs(pool: Pool, withinMs: number): Promise<number | null> {
  const { rows } = await pool.query<{ inMs: number | null }>({
    name: 'next-due',
    // The first of each stream, and of these the first: their index begins with the stream.
    text: `select extract(epoch from least(${NEXT_DUE('transactional')}, ${NEXT_DUE('bulk')}) - now())::float * 1000
                  as "inMs"`,
    values: [withinMs],
  });
  return rows[0]!.inMs;
}

/**
 * Makes what waits for a busy upstream, or quota, due now, first accepted first, `limit` of it at most; returns how much
 * that was.
 */
export async function pullForward(pool: Pool, busy: string, limit: number): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'pull-forward',
    text: `update deliveries d set due_at = now(), waits_for = null
           from (select message_id, n from deliveries
                 where waits_for = $1 and waits_for like '${BUSY}%' and state = 'queued' and lease_holder is null
                 order by message_id, n limit $2 for update skip locked) as first
           where d.message_id = first.message_id and d.n = first.n`,
    values: [`${BUSY}${busy}`, limit],
  });
  return rowCount ?? 0;
}

/** The same for whatever upstream it waits: routes are other ones now, and there may be another way for it. */
export async function pullAllForward(pool: Pool, limit: number): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'pull-all-forward',
    text: `update deliveries d set due_at = now(), waits_for = null
           from (select message_id, n from deliveries
                 where waits_for like '${BUSY}%' and state = 'queued' and lease_holder is null
                 order by waits_for, message_id, n limit $1 for update skip locked) as first
           where d.message_id = first.message_id and d.n = first.n`,
    values: [limit],
  });
  return rowCount ?? 0;
}

/**
 * Puts what somebody was trying whose lease has ended in front of all that waits: it was there before. Returns how much
 * that was. Reads all that is due: 50 ms where 50,000 are.
 */
export async function moveUpEndedLeases(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'move-up-ended-leases',
    text: `update deliveries d
           set lease_holder = null, due_at = (select accepted_at from messages m where m.message_id = d.message_id)
           from (select message_id, n from deliveries
                 where state = 'queued' and not parked and due_at <= now() and lease_holder is not null
                 order by message_id, n limit 10000 for update skip locked) as ended
           where d.message_id = ended.message_id and d.n = ended.n`,
  });
  return rowCount ?? 0;
}

export type DeliveryKey = { readonly messageId: MessageId; readonly n: number; readonly attempt: number };

/** An upstream passed over or being tried. */
export type OpenedAttempt = DeliveryKey & {
  readonly hop: number;
  readonly upstream: string;
  /** Why it was passed over; null = it is tried now. */
  readonly skipped: string | null;
};

export type EndedAttempt = DeliveryKey & {
  readonly hop: number;
  readonly openedAt: Date;
  readonly endedAt: Date;
  readonly result: AttemptResult['kind'];
  readonly stage: Stage | null;
  readonly scope: Scope | null;
  readonly smtpCode: number | null;
  readonly enhancedStatus: string | null;
  readonly detail: string | null;
  readonly remoteAddress: string | null;
  readonly tls: string | null;
  readonly decision: string;
};

export type DeliveryChange = DeliveryKey & {
  readonly state: DeliveryState;
  /** From now; null unless queued. */
  readonly dueInMs: number | null;
  /** The route of what is parked; `busy:NAME` of what is due sooner when that upstream, or quota, has room; null = neither. */
  readonly waitsFor: string | null;
  readonly pinnedUpstream: string | null;
  /** The claim came to nothing, and counts as no attempt. Only of one that nothing was written down of. */
  readonly uncounted?: true;
  /** Whether the holder keeps its lease: it goes on to the next upstream. */
  readonly keepsLease: boolean;
  readonly reason: string;
  /** null = nothing that anyone follows. */
  readonly event: EventKind | null;
  readonly eventData: object | null;
};

export type Progress = {
  readonly ended: readonly EndedAttempt[];
  readonly opened: readonly OpenedAttempt[];
  readonly changes: readonly DeliveryChange[];
};

/** What waits for an upstream with less to do has a time; what is parked has only a time at which it is asked again. */
export const BUSY = 'busy:';
/** Beside the names of upstreams, which have no space in them. */
export const BUSY_QUOTA = 'quota ';
export const IS_PARKED = (waitsFor: string) => `coalesce(${waitsFor} not like '${BUSY}%', false)`;

const RECORD_PROGRESS = `
with ended as (
  update attempts a
  set opened_at = e."openedAt", ended_at = e."endedAt", result = e."result", stage = e."stage", scope = e."scope",
      smtp_code = e."smtpCode", enhanced_status = e."enhancedStatus", detail = e."detail",
      remote_address = e."remoteAddress", tls = e."tls", decision = e."decision"
  from json_to_recordset($1::json) as e (
    "messageId" text, "n" integer, "attempt" integer, "hop" integer, "openedAt" timestamptz, "endedAt" timestamptz,
    "result" text, "stage" text, "scope" text, "smtpCode" integer, "enhancedStatus" text, "detail" text,
    "remoteAddress" text, "tls" text, "decision" text)
  where a.message_id = e."messageId" and a.n = e."n" and a.attempt = e."attempt" and a.hop = e."hop"
), opened as (
  insert into attempts (message_id, n, attempt, hop, upstream, opened_at, ended_at, result, detail)
  select "messageId", "n", "attempt", "hop", "upstream", now(),
         case when "skipped" is not null then now() end, case when "skipped" is not null then 'skipped' end, "skipped"
  from json_to_recordset($2::json) as o (
    "messageId" text, "n" integer, "attempt" integer, "hop" integer, "upstream" text, "skipped" text)
  on conflict do nothing
), changed as (
  update deliveries d
  set state = c."state", due_at = now() + c."dueInMs" * interval '1 ms', parked = ${IS_PARKED('c."waitsFor"')},
      waits_for = c."waitsFor", uncounted = d.uncounted + coalesce(c."uncounted", false)::integer,
      by_hand = d.by_hand and (c."keepsLease" or coalesce(c."uncounted", false)),
      pinned_upstream = c."pinnedUpstream", reason = c."reason", updated_at = now(),
      lease_holder = case when c."keepsLease" then d.lease_holder end
  from json_to_recordset($3::json) as c (
    "messageId" text, "n" integer, "attempt" integer, "state" text, "dueInMs" double precision, "waitsFor" text,
    "uncounted" boolean, "pinnedUpstream" text, "keepsLease" boolean, "reason" text, "event" text, "eventData" json)
  where d.message_id = c."messageId" and d.n = c."n" and d.attempt = c."attempt" and d.lease_holder = $4
  returning d.message_id, d.n, d.state, c."event", c."eventData"
), passed as (
  -- A delivery that tried an address out (suppressions.ts): it may have mail again.
  update suppressions s set passed_at = now(), expires_at = now()
  from changed d
  where d.state = 'delivered' and s.probe_message_id = d.message_id and s.probe_n = d.n and s.passed_at is null
), told as (
  insert into events (kind, message_id, n, data)
  select "event", message_id, n, "eventData"::jsonb from changed where "event" is not null
)
select message_id as "messageId", n from changed`;

/**
 * Records attempts and what they led to, in one transaction, and returns the deliveries that changed: those missing had
 * lost their lease meanwhile. What the attempts saw is kept even then.
 */
export async function recordProgress(pool: Pool, holder: string, progress: Progress) {
  const query = {
    name: 'record-progress',
    text: RECORD_PROGRESS,
    values: [
      JSON.stringify(progress.ended),
      JSON.stringify(progress.opened),
      JSON.stringify(inOrder(progress.changes)),
      holder,
    ],
  };
  const { rows } = await againAfterDeadlock(() => pool.query<{ messageId: MessageId; n: number }>(query));
  return rows;
}

/** Two statements that lock the same rows in different orders wait for each other until one of them is ended. */
function inOrder<Key extends DeliveryKey>(keys: readonly Key[]): Key[] {
  return keys.toSorted((a, b) => (a.messageId === b.messageId ? a.n - b.n : a.messageId < b.messageId ? -1 : 1));
}

/** Contents by message, read in binary: as text, pg would decode twice the bytes from hexadecimal. */
export async function loadContents(pool: Pool, messageIds: readonly MessageId[]): Promise<Map<MessageId, Buffer>> {
  const query = {
    name: 'load-contents',
    text: 'select message_id, bytes from contents where message_id = any($1)',
    values: [messageIds],
    binary: true,
  };
  const { rows } = await pool.query<{ message_id: MessageId; bytes: Buffer }>(query);
  return new Map(rows.map(row => [row.message_id, row.bytes]));
}

/** Keeps the leases of attempts that take their time. */
export async function renewLeases(pool: Pool, holder: string, keys: readonly DeliveryKey[], leaseMs: number) {
  await pool.query({
    name: 'renew-leases',
    text: `update deliveries d set due_at = now() + $3 * interval '1 ms'
           from json_to_recordset($2::json) as k ("messageId" text, "n" integer, "attempt" integer)
           where d.message_id = k."messageId" and d.n = k."n" and d.attempt = k."attempt" and d.lease_holder = $1`,
    values: [holder, JSON.stringify(inOrder(keys)), leaseMs],
  });
}

/** Makes due at once what an earlier run of this node still holds, and returns how much that was. */
export async function releaseLeasesOfEarlierRuns(pool: Pool, nodeId: string, currentHolder: string): Promise<number> {
  const { rowCount } = await pool.query(
    `update deliveries set lease_holder = null, due_at = now()
     where state = 'queued' and lease_holder like $1 || ':%' and lease_holder <> $2`,
    [nodeId, currentHolder],
  );
  return rowCount ?? 0;
}

/** Makes due at once whatever the holder still has. */
export async function releaseLeases(pool: Pool, holder: string): Promise<void> {
  await pool.query(
    `update deliveries set lease_holder = null, due_at = now() where state = 'queued' and lease_holder = $1`,
    [holder],
  );
}

const OVERDUE = {
  parked: 'd.parked',
  due: `d.state = 'queued' and not d.parked and d.due_at <= now() and d.lease_holder is null`,
} as const;

/**
 * Settles what became too old while it was parked, and returns how much that was: what is due expires where it is tried,
 * and here while nothing is. Not a join: PostgreSQL began it at `messages`, where it went through all that was ever
 * accepted. Reads all that is parked, or due, 1.3 s where that is 200,000: one process at a time does it.
 */
export async function expireOverdue(pool: Pool, which: keyof typeof OVERDUE, limit: number): Promise<number> {
  const { rowCount } = await pool.query({
    name: `expire-overdue-${which}`,
    text: `with overdue as (
             select d.message_id, d.n from deliveries d
             where ${OVERDUE[which]} and (select pg_try_advisory_xact_lock(hashtextextended('postern expire', 0)))
               and (select m.expires_at from messages m where m.message_id = d.message_id) <= now()
             limit $1 for update of d skip locked
           ), expired as (
             update deliveries d
             set state = 'expired', due_at = null, lease_holder = null, parked = false, waits_for = null,
                 updated_at = now(), reason = 'expired-in-queue' || coalesce(': ' || d.reason, '')
             from overdue o where d.message_id = o.message_id and d.n = o.n
             returning d.message_id, d.n, d.reason, d.stream
           )
           insert into events (kind, message_id, n, data)
           select 'expired', message_id, n, jsonb_build_object('reason', reason) from expired`,
    values: [limit],
  });
  return rowCount ?? 0;
}
