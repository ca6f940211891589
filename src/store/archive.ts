// "What happened to the mail to x, and why?": finding messages and telling their whole story.
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import { addressKey } from '../mail/address.ts';
import type { DeliveryState } from '../mail/outcome.ts';
import { outgoingParts } from '../mail/outgoing.ts';
import type { MessageId } from '../mail/submission.ts';
import type { Database } from './schema.ts';

export type FindMessages = {
  readonly to?: string | undefined;
  readonly from?: string | undefined;
  readonly subject?: string | undefined;
  readonly internetMessageId?: string | undefined;
  readonly tag?: string | undefined;
  /** All of these names with these values. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly state?: DeliveryState | undefined;
  readonly since?: Date | undefined;
  readonly limit: number;
  /** Only what is older than this message: the next page. */
  readonly before?: string | undefined;
};

export type FoundDelivery = {
  readonly n: number;
  readonly recipient: string;
  readonly state: DeliveryState;
  readonly reason: string | null;
};

export type FoundMessage = {
  readonly messageId: MessageId;
  readonly acceptedAt: Date;
  readonly reversePath: string | null;
  readonly subject: string | null;
  readonly size: number;
  readonly deliveries: FoundDelivery[];
};

/** Newest first. */
export async function findMessages(db: Kysely<Database>, filter: FindMessages): Promise<FoundMessage[]> {
  const { to, from, subject, internetMessageId, tag, metadata, state, since, limit, before } = filter;
  const found = await db
    .selectFrom('messages as m')
    .select([
      'm.message_id as messageId',
      'm.accepted_at as acceptedAt',
      'm.reverse_path as reversePath',
      'm.subject',
      'm.size',
    ])
    .$if(to !== undefined, query =>
      query.where('m.message_id', 'in', inner =>
        inner
          .selectFrom('deliveries')
          .select('message_id')
          .where('recipient_key', 'like', pattern(addressKey(to!))),
      ),
    )
    .$if(state !== undefined, query =>
      query.where('m.message_id', 'in', inner =>
        inner.selectFrom('deliveries').select('message_id').where('state', '=', state!),
      ),
    )
    .$if(from !== undefined, query =>
      query.where(match =>
        match.or([
          match(sql<string>`lower(m.reverse_path)`, 'like', pattern(from!.toLowerCase())),
          match(sql<string>`lower(m.header_from)`, 'like', `%${escapeLike(from!.toLowerCase())}%`),
        ]),
      ),
    )
    .$if(subject !== undefined, query => query.where('m.subject', 'ilike', `%${escapeLike(subject!)}%`))
    .$if(internetMessageId !== undefined, query =>
      query.where('m.internet_message_id', '=', internetMessageId!.replace(/^<|>$/g, '')),
    )
    .$if(tag !== undefined, query => query.where(hasTag(tag!)))
    .$if(metadata !== undefined, query => query.where(hasMetadata(metadata!)))
    .$if(since !== undefined, query => query.where('m.accepted_at', '>=', since!))
    .$if(before !== undefined, query => query.where('m.message_id', '<', before as MessageId))
    .orderBy('m.message_id', 'desc')
    .limit(limit)
    .execute();
  const deliveries = await deliveriesOf(
    db,
    found.map(message => message.messageId),
  );
  return found.map(message => ({ ...message, deliveries: deliveries.get(message.messageId) ?? [] }));
}

/** Of `messages as m`. That there are tags at all is what the index is for. */
export function hasTag(tag: string): RawBuilder<SqlBool> {
  return sql<SqlBool>`(m.tags <> '{}' and m.tags @> array[${tag}]::text[])`;
}

/** Of `messages as m`. */
export function hasMetadata(metadata: Readonly<Record<string, string>>): RawBuilder<SqlBool> {
  return sql<SqlBool>`(m.metadata is not null and m.metadata @> ${JSON.stringify(metadata)}::jsonb)`;
}

/** A `*` stands for anything; without one the whole address must match. */
export function pattern(text: string): string {
  return escapeLike(text).replaceAll('*', '%');
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

async function deliveriesOf(db: Kysely<Database>, messageIds: MessageId[]): Promise<Map<MessageId, FoundDelivery[]>> {
  const byMessage = new Map<MessageId, FoundDelivery[]>();
  if (messageIds.length === 0) return byMessage;
  const rows = await db
    .selectFrom('deliveries')
    .select(['message_id as messageId', 'n', 'recipient', 'state', 'reason'])
    .where('message_id', 'in', messageIds)
    .orderBy('message_id')
    .orderBy('n')
    .execute();
  for (const { messageId, ...delivery } of rows) {
    const list = byMessage.get(messageId);
    if (list) list.push(delivery);
    else byMessage.set(messageId, [delivery]);
  }
  return byMessage;
}

export type MessageStory = NonNullable<Awaited<ReturnType<typeof readStory>>>;

/** Everything known of one message, or null. */
export async function readStory(db: Kysely<Database>, messageId: MessageId) {
  const message = await db.selectFrom('messages').selectAll().where('message_id', '=', messageId).executeTakeFirst();
  if (!message) return null;
  const [deliveries, attempts, events, tells] = await Promise.all([
    db.selectFrom('deliveries').selectAll().where('message_id', '=', messageId).orderBy('n').execute(),
    db
      .selectFrom('attempts')
      .selectAll()
      .where('message_id', '=', messageId)
      .orderBy('n')
      .orderBy('attempt')
      .orderBy('hop')
      .execute(),
    db
      .selectFrom('events')
      .select(['event_id as eventId', 'at', 'kind', 'n', 'data'])
      .where('message_id', '=', messageId)
      .orderBy('event_id')
      .execute(),
    db
      .selectFrom('dsns')
      .innerJoin('deliveries as d', join =>
        join.onRef('d.message_id', '=', 'dsns.message_id').onRef('d.n', '=', 'dsns.n'),
      )
      .select(['dsns.kind', 'dsns.message_id as messageId', 'dsns.n', 'd.recipient'])
      .where('dsn_message_id', '=', messageId)
      .orderBy('dsns.n')
      .execute(),
  ]);
  // `tells`: the deliveries that it is a notification about.
  return { message, deliveries, attempts, events, tells };
}

/** The message as it leaves the house: our fields, then the content; or null. */
export async function readRaw(db: Kysely<Database>, messageId: MessageId): Promise<Buffer | null> {
  const row = await db
    .selectFrom('messages')
    .innerJoin('contents', 'contents.message_id', 'messages.message_id')
    .select(['trace_header', 'omitted', 'bytes'])
    .where('messages.message_id', '=', messageId)
    .executeTakeFirst();
  return row ? Buffer.concat(outgoingParts(row.trace_header, row.bytes, row.omitted)) : null;
}
