// Quotas: how much of whose mail may go out in a time. Mail beyond one gets its turn later (defer), is turned away
// (reject) or waits for a person (hold). Exact across processes: what counts is rows, charged under a lock. A crash
// between the charge and the message's commit costs room; it never gives the same room away twice.
import { describeQuota } from '../../src/mail/quota.ts';
import type { Identity, Stream } from '../../src/mail/submission.ts';
import { Batch } from '../../src/platform/batch.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import { createDatabase, isDataError, type Pool } from '../../src/platform/postgres.ts';
import { chargeQuotas, lockQuotas, refundCharges } from '../../src/store/quota-usage.ts';
import { listQuotas } from '../../src/store/quotas.ts';
import type { Database } from '../../src/store/schema.ts';
import type { Alarm } from './alarm.ts';
import { type Charge, chargeOf, outcomeOf, type Refusal, refusalOf, type Turn } from './answer.ts';
import { Book, type Entry } from './book.ts';
import { type Charging, chargeAll, type Forgotten, type Outcome, place, quotaIdsOf } from './charge.ts';
import { QuotaList } from './list.ts';
import type { Addressed } from './match.ts';
import { earliest } from './reserve.ts';

export type { Charge, Refusal, Turn } from './answer.ts';

export type ChargeRequest = {
  readonly identity: Identity;
  readonly stream: Stream;
  readonly recipients: readonly Addressed[];
  /** How long from now the app wants it to wait anyway. */
  readonly beginsInMs: number;
  /** When the message expires: a turn that comes later is none. */
  readonly notAfter: Date;
};

export type Remaining = {
  readonly quotaId: number;
  readonly quota: string;
  readonly limit: number;
  /** In the window that ends now, room that is promised to waiting mail included. */
  readonly used: number;
  readonly left: number;
  /** When there is room for one more; null: now. */
  readonly freeAt: Date | null;
};

export type Quotas = {
  /** Reads the list of quotas, and keeps it fresh from then on. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Whether `charge` would have anything to do; asks nobody. */
  applies(identity: Identity, stream: Stream, recipientDomains: readonly string[]): boolean;
  /** Rejects when the database does; nothing is charged then, or the room of one message is lost. */
  charge(request: ChargeRequest): Promise<Charge>;
  /** What `charge` would say now; charges nothing. */
  preview(request: ChargeRequest): Promise<Charge>;
  /**
   * Gives back what was charged for a message that was certainly not taken: one whose commit was never answered may be
   * there, and its room would be given twice. Never rejects; what stays is room that is lost.
   */
  refund(charge: Charge): Promise<void>;
  /**
   * Before there are recipients, and a stream where it is not known: why not even one message would be taken now, or
   * null. Charges nothing.
   */
  peek(identity: Identity, stream: Stream | null): Promise<Refusal | null>;
  /** Each quota that such a message falls under, and how it stands. */
  remaining(identity: Identity, stream: Stream, recipientDomains: readonly string[]): Promise<Remaining[]>;
};

export type QuotasOptions = { readonly pool: Pool; readonly log: Logger; readonly metrics: Metrics };

const MAX_BATCH_MESSAGES = 200;
const MAX_BATCH_RECIPIENTS = 5_000;
const LOOK_AHEAD_MS = 31 * 86_400_000;

export function createQuotas({ pool, log, metrics }: QuotasOptions): Quotas {
  const db = createDatabase<Database>(pool);
  const list = new QuotaList(() => listQuotas(db), log);
  const forgotten: Forgotten = new Map();
  const batch = new Batch<Charging, Outcome>({
    write: items => chargeAll(pool, items, forgotten),
    maxItems: MAX_BATCH_MESSAGES,
    maxBytes: MAX_BATCH_RECIPIENTS,
    bytesOf: ({ match }) => match.groups.reduce((sum, { recipients }) => sum + recipients.length, 0),
    isOneItemsFault: isDataError,
  });

  return {
    start: () => list.start(),
    stop: () => list.stop(),
    applies: (identity, stream, domains) => list.current.applies({ identity, stream }, domains),

    async charge(request) {
      const charging = chargingOf(request);
      if (charging === null) return uncharged(request);
      const outcome = await batch.add(charging);
      announce(outcome.alarms);
      const charge = chargeOf(outcome, charging.overQuota, request.recipients.length);
      metrics.quotaCharges.inc({ outcome: outcomeOf(charge) });
      return charge;
    },

    async preview(request) {
      const charging = chargingOf(request);
      if (charging === null) return uncharged(request);
      const book = await Book.open(pool, quotaIdsOf(charging.match));
      const placement = await place(book, charging);
      const outcome = { placement, now: book.now, entries: book.entries, alarms: [] };
      return chargeOf(outcome, charging.overQuota, request.recipients.length);
    },

    async refund(charge) {
      if (charge.kind !== 'charged' || charge.marks.length === 0) return;
      const { marks } = charge;
      try {
        await chargeQuotas(pool, async client => {
          await lockQuotas(client, [...new Set(marks.map(({ quotaId }) => quotaId))]);
          await refundCharges(client, marks);
        });
      } catch (error) {
        log.warn({ err: error }, 'quota not given back');
      }
    },

    async peek(identity, stream) {
      const common = list.current.common({ identity, stream });
      if (common.length === 0) return null;
      const { book, demands } = await look(common.map(({ quotaId }) => quotaId));
      const slot = await book.read(earliest(demands, book.now, book.now + LOOK_AHEAD_MS));
      if (slot.at === book.now) return null;
      return refusalOf(book.entries.get(slot.by!.quotaId)!.state, Math.min(slot.at - book.now, LOOK_AHEAD_MS), 1);
    },

    async remaining(identity, stream, domains) {
      const recipients = domains.map((domain, n) => ({ n, domain }));
      const ids = quotaIdsOf(list.current.match({ identity, stream }, recipients));
      const { book } = await look(ids);
      return Promise.all([...book.entries.values()].map(entry => standing(book, entry)));
    },
  };

  /** null = no quota holds for it. */
  function chargingOf({ identity, stream, recipients, beginsInMs, notAfter }: ChargeRequest): Charging | null {
    const match = list.current.match({ identity, stream }, recipients);
    const { overQuota } = identity;
    return quotaIdsOf(match).length === 0 ? null : { match, overQuota, beginsInMs, notAfter: notAfter.getTime() };
  }

  async function look(quotaIds: readonly number[]) {
    const book = await Book.open(pool, quotaIds);
    return { book, demands: [...book.entries.values()].map(({ ledger }) => ({ ledger, units: 1 })) };
  }

  function announce(alarms: readonly Alarm[]): void {
    for (const { kind, ...about } of alarms) {
      if (kind === 'quota-warning') log.info({ event: 'quota-warning', ...about }, kind);
      else log.warn({ event: 'quota-exhausted', ...about }, kind);
    }
  }
}

function uncharged({ recipients }: ChargeRequest): Charge {
  const turns: Turn[] = recipients.map(({ n }) => ({ n, at: null, dueInMs: 0, delayedBy: null }));
  return { kind: 'charged', turns, delayedBy: null, marks: [] };
}

async function standing(book: Book, { state, ledger }: Entry): Promise<Remaining> {
  const left = await book.read(ledger.roomIn(ledger.present));
  const { at } = await book.read(earliest([{ ledger, units: 1 }], book.now, book.now + LOOK_AHEAD_MS));
  const freeAt = at === book.now ? null : new Date(Math.min(at, book.now + LOOK_AHEAD_MS));
  return {
    quotaId: state.quotaId,
    quota: describeQuota(state),
    limit: state.limit,
    used: state.limit - left,
    left,
    freeAt,
  };
}
