// Reports for people: what came in, how it was tied to a message, what was done, and what waits for somebody to decide.
import { type Kysely, sql } from 'kysely';
import type { Pool } from 'pg';
import type { MessageId, Stream } from '../mail/submission.ts';
import { putEvent, suppressAddress } from './outcomes.ts';
import type { Database } from './schema.ts';
import type { SuppressionReason } from './suppressions.ts';
import { inTransaction } from './transaction.ts';

export type ListReports = {
  /** Folded by the caller; `%` stands for anything. */
  readonly recipient?: string | undefined;
  readonly reason?: string | undefined;
  readonly decision?: string | undefined;
  /** Whether also deliveries that providers report: there is one for each message. */
  readonly delivered: boolean;
  readonly limit: number;
  /** Only what is older than this report: the next page. */
  readonly before?: string | undefined;
};

export type ListedReport = Awaited<ReturnType<typeof listReports>>[number];

/** One row a recipient, newest report first. */
export function listReports(db: Kysely<Database>, filter: ListReports) {
  const { recipient, reason, decision, delivered, limit, before } = filter;
  return db
    .selectFrom('reports as r')
    .innerJoin('report_recipients as p', 'p.report_id', 'r.report_id')
    .select(['r.report_id as reportId', 'r.recorded_at as recordedAt', 'r.kind', 'p.recipient', 'p.action'])
    .select(['p.reason', 'p.verdict', 'p.rule', 'p.message_id as messageId', 'p.is_proven as isProven'])
    .select(['p.correlation', 'p.decision', 'p.decided_by as decidedBy'])
    .$if(!delivered, query => query.where(sql<boolean>`not (r.kind = 'event' and p.action = 'delivered')`))
    .$if(recipient !== undefined, query => query.where(sql<string>`lower(p.recipient)`, 'like', recipient!))
    .$if(reason !== undefined, query => query.where('p.reason', '=', reason!))
    .$if(decision !== undefined, query => query.where('p.decision', '=', decision!))
    .$if(before !== undefined, query => query.where('r.report_id', '<', before!))
    .orderBy('r.report_id', 'desc')
    .orderBy('p.i')
    .limit(limit)
    .execute();
}

/** Everything known of one report, or null. */
export async function readReport(db: Kysely<Database>, reportId: string) {
  const report = await db.selectFrom('reports').selectAll().where('report_id', '=', reportId).executeTakeFirst();
  if (!report) return null;
  const [recipients, sources] = await Promise.all([
    db.selectFrom('report_recipients').selectAll().where('report_id', '=', reportId).orderBy('i').execute(),
    db.selectFrom('report_sources').selectAll().where('report_id', '=', reportId).orderBy('at').execute(),
  ]);
  return { report, recipients, sources };
}

export type Waiting = {
  readonly messageId: MessageId;
  readonly n: number;
  readonly fact: string;
  readonly at: Date;
  readonly recipient: string;
  readonly tenantId: string;
  readonly stream: Stream;
  readonly suppression: SuppressionReason;
  readonly forMs: number | null;
  readonly evidence: string;
  readonly decidedBy: string;
};

const WAITING = `
select o.message_id as "messageId", o.n, o.fact, o.at, d.recipient, o.tenant_id as "tenantId", o.stream, o.suppression,
       (extract(epoch from o.suppress_for) * 1000)::float8 as "forMs", o.evidence, o.decided_by as "decidedBy"
from outcomes o join deliveries d using (message_id, n) where o.decision = 'waiting'`;

/** Suppressions beyond the hour's limit, in the order in which they came. */
export async function listWaiting(pool: Pool, limit: number): Promise<Waiting[]> {
  return (await pool.query<Waiting>(`${WAITING} order by o.at limit $1`, [limit])).rows;
}

const AT_ONCE = 500;

/**
 * Decides about what waits, all of it or one address: returns how many. Whoever decides at the same time takes others.
 */
export async function decideWaiting(
  pool: Pool,
  decision: 'suppressed' | 'discarded',
  addressKey: string | null,
): Promise<number> {
  let decided = 0;
  for (;;) {
    const count = await decideSome(pool, decision, addressKey);
    decided += count;
    if (count < AT_ONCE) return decided;
  }
}

function decideSome(pool: Pool, decision: 'suppressed' | 'discarded', addressKey: string | null) {
  return inTransaction(pool, async connection => {
    const { rows } = await connection.query<Waiting>(
      `${WAITING} and ($1::text is null or o.address_key = $1) order by o.at limit $2 for update of o skip locked`,
      [addressKey, AT_ONCE],
    );
    for (const waiting of rows) {
      const {
        messageId,
        n,
        fact,
        recipient,
        tenantId,
        forMs,
        evidence,
        suppression: reason,
        decidedBy: rule,
      } = waiting;
      await connection.query(
        `update outcomes set decision = $4, decided_by = decided_by || ', by hand'
         where message_id = $1 and n = $2 and fact = $3`,
        [messageId, n, fact, decision],
      );
      if (decision === 'discarded') continue;
      const stream = fact === 'complained' ? waiting.stream : null;
      const delivery = { messageId, n };
      await suppressAddress(connection, { delivery, recipient, tenantId, stream, reason, forMs, evidence });
      const data = { address: recipient, reason, rule: `${rule}, by hand`, forMs };
      await putEvent(connection, { kind: 'address-suppressed', messageId, n, topic: null, data });
    }
    return rows.length;
  });
}
