// Charges many messages in one transaction, each after the other: what the first one took is gone for the second.
import type { OverQuota } from '../../src/mail/submission.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import { type Charged, chargeQuotas, lockQuotas, writeCharges } from '../../src/store/quota-usage.ts';
import { type Alarm, raiseAlarms } from './alarm.ts';
import { Book, type Entry } from './book.ts';
import type { Match } from './match.ts';
import { type Placement, placeEach, placeWhole } from './reserve.ts';

export type Charging = {
  readonly match: Match;
  readonly overQuota: OverQuota;
  /** From the charge to the first turn that is wanted: mail that is scheduled counts when it goes out. */
  readonly beginsInMs: number;
  /** When the message is too old to be sent, in milliseconds since 1970. */
  readonly notAfter: number;
};

export type Outcome = {
  readonly placement: Placement;
  readonly now: number;
  readonly entries: ReadonlyMap<number, Entry>;
  /** Of the whole transaction, with the first of its outcomes. */
  readonly alarms: readonly Alarm[];
};

/** Up to which bucket of each quota this process has deleted old usage. */
export type Forgotten = Map<number, number>;

export function chargeAll(pool: Pool, batch: readonly Charging[], forgotten: Forgotten): Promise<Outcome[]> {
  return chargeQuotas(pool, async client => {
    const quotaIds = [...new Set(batch.flatMap(({ match }) => quotaIdsOf(match)))];
    await lockQuotas(client, quotaIds);
    const book = await Book.open(client, quotaIds);
    const placements: Placement[] = [];
    for (const charging of batch) placements.push(await place(book, charging));
    const alarms = await alarmsOf(book, placements);
    await writeCharges(client, {
      used: usedOf(book),
      remembered: rememberedOf(book, alarms, forgotten),
      events: alarms.map(({ kind, ...data }) => ({ kind, topic: `quota:${data.quotaId}`, data })),
    });
    return placements.map((placement, i) => ({
      ...{ placement, now: book.now, entries: book.entries, alarms: i === 0 ? alarms : [] },
    }));
  });
}

export function quotaIdsOf({ common, groups }: Match): number[] {
  return [...common, ...groups.flatMap(({ quotas }) => quotas)].map(({ quotaId }) => quotaId);
}

/** Marks it in the book. */
export function place(book: Book, { match, overQuota, beginsInMs, notAfter }: Charging): Promise<Placement> {
  const order = book.order(match);
  const from = book.now + beginsInMs;
  return book.read(overQuota === 'defer' ? placeEach(order, from, notAfter) : placeWhole(order, from));
}

async function alarmsOf(book: Book, placements: readonly Placement[]): Promise<Alarm[]> {
  const short = new Set(placements.map(placed => (placed.kind === 'placed' ? placed.delayedBy : placed.quotaId)));
  const alarms: Alarm[] = [];
  for (const { state, ledger } of book.entries.values()) {
    const room = await book.read(ledger.roomIn(ledger.present));
    alarms.push(...raiseAlarms(state, ledger.limit - room, short.has(state.quotaId), book.now));
  }
  return alarms;
}

function usedOf(book: Book): Charged['used'] {
  return [...book.entries.values()].flatMap(({ ledger: { quotaId, added } }) =>
    [...added].filter(([, units]) => units > 0).map(([bucket, units]) => ({ quotaId, bucket, units })),
  );
}

function rememberedOf(book: Book, alarms: readonly Alarm[], forgotten: Forgotten): Charged['remembered'] {
  return [...book.entries.values()].map(({ ledger }) => {
    const { quotaId, fullUntil, present, reach } = ledger;
    const raised = (kind: Alarm['kind']) => alarms.some(alarm => alarm.quotaId === quotaId && alarm.kind === kind);
    // A window more than counts: the database's clock may be set back.
    const forgetBefore = present - 2 * reach;
    const isDue = forgetBefore - (forgotten.get(quotaId) ?? 0) >= reach;
    if (isDue) forgotten.set(quotaId, forgetBefore);
    return {
      quotaId,
      fullUntil: fullUntil > present ? fullUntil : null,
      warned: raised('quota-warning'),
      exhausted: raised('quota-exhausted'),
      forgetBefore: isDue ? forgetBefore : null,
    };
  });
}
