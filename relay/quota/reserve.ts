// Finds mail its turn: the earliest time at which every quota has room, in each window around it, with all that was
// promised before. Pure: given ledgers and a time it marks units in the ledgers, or leaves them as they were.
import type { Ledger, Reading } from './ledger.ts';

/** Recipients that the same quotas apply to. */
export type Group = {
  /** Their numbers in the envelope. */
  readonly recipients: readonly number[];
  /** Quotas that count these recipients, beside those that count the whole message. */
  readonly ledgers: Ledgers;
};

export type Ledgers = { readonly messages: readonly Ledger[]; readonly recipients: readonly Ledger[] };

export type Order = {
  /** Quotas that every recipient falls under. */
  readonly common: Ledgers;
  readonly groups: readonly Group[];
};

/** A unit or more of a quota, in a bucket. */
export type Mark = { readonly quotaId: number; readonly bucket: number; readonly units: number };

/** When a recipient may be mailed, and the quota that it waits for; null: at once. */
export type Turn = { readonly n: number; readonly at: number | null; readonly delayedBy: number | null };

export type Placement =
  /** `delayedBy`: the quota that the last turn waits for, or null when there is no waiting. */
  | {
      readonly kind: 'placed';
      readonly turns: readonly Turn[];
      readonly marks: Mark[];
      readonly delayedBy: number | null;
    }
  /** Nothing was marked. `freeAt`: when it could be tried again; null: never, it is more than the quota takes at all. */
  | { readonly kind: 'no-room'; readonly quotaId: number; readonly freeAt: number | null };

type Demand = { readonly ledger: Ledger; readonly units: number };
/** `by`: who pushed it there last; null: nobody did, it is where the search began. */
export type Slot = { readonly at: number; readonly by: Ledger | null };

/** Where nothing is found within this, the answer is "after that". */
const LOOK_AHEAD_MS = 7 * 86_400_000;
const NEVER = Number.POSITIVE_INFINITY;

/** Gives each recipient the earliest turn there is, each for itself; none when one of them would come after `notAfter`. */
export function* placeEach(order: Order, now: number, notAfter: number): Reading<Placement> {
  const journal = new Journal();
  const turns: Turn[] = [];
  const lastTurn = Math.max(notAfter, now);
  const horizon = lastTurn + LOOK_AHEAD_MS;
  let first: Slot = { at: now, by: null };
  let latest = first;
  for (const [i, group] of (yield* soonestFirst(order, now, horizon)).entries()) {
    // The message counts when its first recipient is mailed: that is the one whose turn comes first.
    const opening = [...(i === 0 ? order.common.messages : []), ...group.ledgers.messages];
    const counting = [...order.common.recipients, ...group.ledgers.recipients];
    let slot = yield* earliest(one([...opening, ...counting]), first.at, horizon);
    if (i === 0) first = slot;
    for (const ledger of opening) journal.mark(ledger, slot.at, 1);
    for (let placed = 0; ; slot = yield* earliest(one(counting), slot.at, horizon)) {
      if (slot.at > latest.at) latest = slot;
      if (latest.at > lastTurn) {
        journal.undo();
        return { kind: 'no-room', quotaId: latest.by!.quotaId, freeAt: now + Math.min(latest.at, horizon) - lastTurn };
      }
      const room = yield* roomAt(counting, slot.at);
      const chunk = group.recipients.slice(placed, placed + room);
      for (const ledger of counting) journal.mark(ledger, slot.at, chunk.length);
      const delayedBy = (slot.by ?? first.by)?.quotaId ?? null;
      for (const n of chunk) turns.push({ n, at: slot.at === now ? null : slot.at, delayedBy });
      placed += chunk.length;
      if (placed === group.recipients.length) break;
    }
  }
  return { kind: 'placed', turns, marks: journal.marks, delayedBy: latest.by?.quotaId ?? null };
}

/** All of it at once, now, or not at all. */
export function* placeWhole(order: Order, now: number): Reading<Placement> {
  const demands = wholeDemand(order);
  const slot = yield* earliest(demands, now, now + LOOK_AHEAD_MS);
  if (slot.at === now) {
    const journal = new Journal();
    for (const { ledger, units } of demands) journal.mark(ledger, now, units);
    const turns = order.groups.flatMap(({ recipients }) => recipients.map(n => ({ n, at: null, delayedBy: null })));
    return { kind: 'placed', turns, marks: journal.marks, delayedBy: null };
  }
  const tooLarge = demands.find(({ ledger, units }) => units > ledger.limit);
  if (tooLarge) return { kind: 'no-room', quotaId: tooLarge.ledger.quotaId, freeAt: null };
  return { kind: 'no-room', quotaId: slot.by!.quotaId, freeAt: Math.min(slot.at, now + LOOK_AHEAD_MS) };
}

/** The earliest time from `from` on at which each quota has room for what is demanded of it; never = after `until`. */
export function* earliest(demands: readonly Demand[], from: number, until: number): Reading<Slot> {
  let slot: Slot = { at: from, by: null };
  for (const { ledger } of demands) yield* ledger.extendFullUntil(ledger.bucketAt(until));
  // Round and round, until all of them in a row have nothing against it.
  for (let agreed = 0, i = 0; agreed < demands.length; agreed += 1, i = (i + 1) % demands.length) {
    const { ledger, units } = demands[i]!;
    const wanted = ledger.bucketAt(slot.at);
    const bucket = yield* ledger.firstRoom(wanted, units, ledger.bucketAt(until));
    if (bucket === null) return { at: NEVER, by: ledger };
    if (bucket === wanted) continue;
    slot = { at: ledger.startOf(bucket), by: ledger };
    agreed = 0;
  }
  return slot;
}

function* soonestFirst({ common, groups }: Order, now: number, until: number): Reading<readonly Group[]> {
  if (groups.length === 1) return groups;
  const timed: { group: Group; at: number }[] = [];
  for (const group of groups) {
    const ledgers = [common.messages, common.recipients, group.ledgers.messages, group.ledgers.recipients].flat();
    const { at } = yield* earliest(one(ledgers), now, until);
    timed.push({ group, at });
  }
  return timed.sort((a, b) => a.at - b.at).map(({ group }) => group);
}

function* roomAt(ledgers: readonly Ledger[], at: number): Reading<number> {
  let least = Number.POSITIVE_INFINITY;
  for (const ledger of ledgers) least = Math.min(least, yield* ledger.roomIn(ledger.bucketAt(at)));
  return least;
}

const one = (ledgers: readonly Ledger[]): Demand[] => ledgers.map(ledger => ({ ledger, units: 1 }));

function wholeDemand({ common, groups }: Order): Demand[] {
  const count = groups.reduce((sum, { recipients }) => sum + recipients.length, 0);
  return [
    ...one(common.messages),
    ...common.recipients.map(ledger => ({ ledger, units: count })),
    ...groups.flatMap(({ recipients, ledgers }) => [
      ...one(ledgers.messages),
      ...ledgers.recipients.map(ledger => ({ ledger, units: recipients.length })),
    ]),
  ];
}

/** What was marked, to be taken back if it comes to nothing. */
class Journal {
  readonly marks: Mark[] = [];
  readonly #ledgers = new Map<number, { ledger: Ledger; fullUntil: number }>();

  mark(ledger: Ledger, at: number, units: number): void {
    if (!this.#ledgers.has(ledger.quotaId)) this.#ledgers.set(ledger.quotaId, { ledger, fullUntil: ledger.fullUntil });
    const bucket = ledger.bucketAt(at);
    ledger.add(bucket, units);
    this.marks.push({ quotaId: ledger.quotaId, bucket, units });
  }

  undo(): void {
    for (const { quotaId, bucket, units } of this.marks) {
      const { ledger, fullUntil } = this.#ledgers.get(quotaId)!;
      ledger.restore(bucket, units, fullUntil);
    }
  }
}
