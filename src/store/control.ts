// What a person does to deliveries by hand. Each deed is one statement, and so one transaction, for all that were chosen,
// with an event for each. It takes the same locks in the same order as the dispatcher does: what the dispatcher has taken
// is being tried at this moment, by whom no word of ours reaches; that is left as it is and counted.
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import { addressKey } from '../mail/address.ts';
import type { DeliveryState, EventKind } from '../mail/outcome.ts';
import type { MessageId } from '../mail/submission.ts';
import { hasMetadata, hasTag, pattern } from './archive.ts';
import type { Database } from './schema.ts';

export type Deed = 'hold' | 'release' | 'cancel' | 'retry';

type Effect = {
  readonly from: readonly DeliveryState[];
  readonly to: 'queued' | 'held' | 'cancelled';
  readonly reason: string;
  readonly kind: EventKind;
};

const EFFECTS: Readonly<Record<Deed, Effect>> = {
  hold: { from: ['queued'], to: 'held', reason: 'held-by-hand', kind: 'held' },
  // Whatever it was held for is not asked again: a person has decided.
  release: { from: ['held'], to: 'queued', reason: 'released-by-hand', kind: 'released' },
  cancel: { from: ['queued', 'held'], to: 'cancelled', reason: 'cancelled-by-hand', kind: 'cancelled' },
  retry: { from: ['queued', 'failed', 'expired'], to: 'queued', reason: 'retried-by-hand', kind: 'retried' },
};

/** Everything that is named must fit. Recipient and state are those of the delivery, the others those of its message. */
export type Choice = {
  readonly messageIds?: readonly MessageId[] | undefined;
  readonly to?: string | undefined;
  readonly state?: DeliveryState | undefined;
  readonly tag?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly since?: Date | undefined;
};

export type Done = {
  readonly messageId: MessageId;
  readonly deliveries: number;
  /** Left as they were. */
  readonly beingTried: number;
};

/**
 * One row for each message of which a delivery was changed, or would have been had nobody been trying it. What becomes
 * due has `lifeMs` before it.
 */
export async function controlDeliveries(
  db: Kysely<Database>,
  deed: Deed,
  choice: Choice,
  lifeMs: number,
): Promise<Done[]> {
  const { to, reason, kind } = EFFECTS[deed];
  const { rows } = await sql<Done>`
    with chosen as (
      select d.message_id, d.n, d.state as was, d.reason as because, d.lease_holder is not null as being_tried
      from deliveries d join messages m on m.message_id = d.message_id
      where ${fits(deed, choice)}
      order by d.message_id, d.n for update of d
    ), changed as (
      update deliveries d
      set state = ${to}, due_at = case when ${to} = 'queued' then now() end, parked = false, waits_for = null, by_hand = ${kind === 'released' || kind === 'retried'},
          reason = ${reason}, updated_at = now(),
          -- The schedule of what was given up begins anew.
          uncounted = case when c.was in ('failed', 'expired') then attempt else uncounted end
      from chosen c where d.message_id = c.message_id and d.n = c.n and not c.being_tried
      returning d.message_id, d.n, c.was, c.because
    ), lengthened as (
      update messages set expires_at = greatest(expires_at, now() + ${lifeMs} * interval '1 ms')
      where ${to} = 'queued' and message_id in (select message_id from changed)
    ), told as (
      insert into events (kind, message_id, n, data)
      select ${kind}, message_id, n,
             jsonb_strip_nulls(jsonb_build_object('reason', ${reason}::text, 'was', was, 'because', because))
      from changed order by message_id, n
    )
    select message_id as "messageId", (count(*) filter (where not being_tried))::integer as deliveries,
           (count(*) filter (where being_tried))::integer as "beingTried"
    from chosen group by message_id order by message_id`.execute(db);
  return rows;
}

export type HowMany = { readonly messages: number; readonly deliveries: number };

/** What a deed would be done to. */
export async function countChosen(db: Kysely<Database>, deed: Deed, choice: Choice): Promise<HowMany> {
  const { rows } = await sql<HowMany>`
    select count(distinct d.message_id)::integer as messages, count(*)::integer as deliveries
    from deliveries d join messages m on m.message_id = d.message_id
    where ${fits(deed, choice)}`.execute(db);
  return rows[0]!;
}

function fits(deed: Deed, { messageIds, to, state, tag, metadata, since }: Choice): RawBuilder<SqlBool> {
  const conditions: RawBuilder<unknown>[] = [sql`d.state = any(${EFFECTS[deed].from})`];
  if (messageIds) conditions.push(sql`d.message_id = any(${messageIds})`);
  if (to !== undefined) conditions.push(sql`d.recipient_key like ${pattern(addressKey(to))}`);
  if (state !== undefined) conditions.push(sql`d.state = ${state}`);
  if (tag !== undefined) conditions.push(hasTag(tag));
  if (metadata !== undefined) conditions.push(hasMetadata(metadata));
  if (since !== undefined) conditions.push(sql`m.accepted_at >= ${since}`);
  return sql<SqlBool>`${sql.join(conditions, sql` and `)}`;
}
