// What a person does to deliveries by hand.
import { type Kysely, sql } from 'kysely';
import type { MessageId } from '../mail/submission.ts';
import type { Database } from './schema.ts';

/**
 * Makes what is waiting, failed or expired due now, with a full life before it, and returns how many deliveries that
 * were. What is being tried at this moment, or was delivered or captured, stays as it is.
 */
export function retryMessage(db: Kysely<Database>, messageId: MessageId, lifeMs: number): Promise<number> {
  return db.transaction().execute(async trx => {
    const retried = await trx
      .updateTable('deliveries')
      .set({ state: 'queued', due_at: sql`now()`, parked: false, reason: 'retried-by-hand', updated_at: sql`now()` })
      .where('message_id', '=', messageId)
      .where('lease_holder', 'is', null)
      .where('state', 'in', ['queued', 'failed', 'expired'])
      .returning('n')
      .execute();
    if (retried.length === 0) return 0;
    await trx
      .updateTable('messages')
      .set({ expires_at: sql`greatest(expires_at, now() + ${lifeMs} * interval '1 ms')` })
      .where('message_id', '=', messageId)
      .execute();
    await trx
      .insertInto('events')
      .values(retried.map(({ n }) => ({ kind: 'retried' as const, message_id: messageId, n, data: null })))
      .execute();
    return retried.length;
  });
}
