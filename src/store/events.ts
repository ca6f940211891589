// What happened, for people: newest first.
import type { Kysely } from 'kysely';
import type { EventKind } from '../mail/outcome.ts';
import type { MessageId } from '../mail/submission.ts';
import { pattern } from './archive.ts';
import type { Database } from './schema.ts';

export type ListEvents = {
  /** Those of this message; without it, those that are about no message. */
  readonly messageId?: MessageId | undefined;
  /** `domain:example.com`; `*` stands for anything. */
  readonly topic?: string | undefined;
  readonly kind?: string | undefined;
  readonly since?: Date | undefined;
  readonly limit: number;
  /** Only what is older than this event: the next page. */
  readonly before?: number | undefined;
};

export type ListedEvent = {
  readonly eventId: number;
  readonly at: Date;
  readonly kind: EventKind;
  readonly topic: string | null;
  readonly messageId: MessageId | null;
  /** The delivery's number; null = about the message, or about none. */
  readonly n: number | null;
  readonly data: unknown;
};

export function listEvents(db: Kysely<Database>, filter: ListEvents): Promise<ListedEvent[]> {
  const { messageId, topic, kind, since, limit, before } = filter;
  return db
    .selectFrom('events')
    .select(['event_id as eventId', 'at', 'kind', 'topic', 'message_id as messageId', 'n', 'data'])
    .$castTo<ListedEvent>()
    .$if(messageId !== undefined, query => query.where('message_id', '=', messageId!))
    .$if(messageId === undefined, query => query.where('topic', 'is not', null))
    .$if(topic !== undefined, query => query.where('topic', 'like', pattern(topic!)))
    .$if(kind !== undefined, query => query.where('kind', '=', kind as EventKind))
    .$if(since !== undefined, query => query.where('at', '>=', since!))
    .$if(before !== undefined, query => query.where('event_id', '<', String(before)))
    .orderBy('event_id', 'desc')
    .limit(limit)
    .execute();
}
