// What a charge came to, in the words of those who asked. Pure.
import { describeQuota } from '../../src/mail/quota.ts';
import type { Reply } from '../../src/mail/reply.ts';
import type { OverQuota } from '../../src/mail/submission.ts';
import type { QuotaState } from '../../src/store/quota-usage.ts';
import type { Outcome } from './charge.ts';
import { neverFits, usedUp } from './reply.ts';
import type { Mark } from './reserve.ts';

export type Charge =
  /** `delayedBy`: the quota that the last turn waits for, by its name; null: all may go at once. */
  | {
      readonly kind: 'charged';
      readonly turns: readonly Turn[];
      readonly delayedBy: string | null;
      readonly marks: readonly Mark[];
    }
  /** Nothing is charged. */
  | { readonly kind: 'hold'; readonly quota: string }
  | ({ readonly kind: 'reject' } & Refusal);

export type Turn = {
  readonly n: number;
  /** By the database's clock; null: at once. */
  readonly at: Date | null;
  /** The same from the time of the charge. */
  readonly dueInMs: number;
  /** The quota that this recipient waits for, by its name. */
  readonly delayedBy: string | null;
};

/** `retryAfterS`: null when it is more than the quota takes at all. */
export type Refusal = { readonly reply: Reply; readonly retryAfterS: number | null; readonly quota: string };

export function chargeOf({ placement, now, entries }: Outcome, overQuota: OverQuota, recipients: number): Charge {
  const stateOf = (quotaId: number) => entries.get(quotaId)!.state;
  const nameOf = (quotaId: number | null) => (quotaId === null ? null : describeQuota(stateOf(quotaId)));
  if (placement.kind === 'placed') {
    const { marks, delayedBy } = placement;
    const turns = placement.turns.map(({ n, at, delayedBy: by }) => ({
      n,
      at: at === null ? null : new Date(at),
      dueInMs: at === null ? 0 : at - now,
      delayedBy: nameOf(by),
    }));
    return { kind: 'charged', turns, marks, delayedBy: nameOf(delayedBy) };
  }
  const state = stateOf(placement.quotaId);
  if (overQuota === 'hold') return { kind: 'hold', quota: describeQuota(state) };
  return { kind: 'reject', ...refusalOf(state, placement.freeAt === null ? null : placement.freeAt - now, recipients) };
}

/** `freeInMs`: null = never. */
export function refusalOf(state: QuotaState, freeInMs: number | null, recipients: number): Refusal {
  const quota = describeQuota(state);
  if (freeInMs === null) return { reply: neverFits(state, recipients), retryAfterS: null, quota };
  const retryAfterS = Math.max(1, Math.ceil(freeInMs / 1_000));
  return { reply: usedUp(state, retryAfterS), retryAfterS, quota };
}

/** As the metric counts it. */
export function outcomeOf(charge: Charge): 'passed' | 'deferred' | 'rejected' | 'held' {
  if (charge.kind === 'hold') return 'held';
  if (charge.kind === 'reject') return 'rejected';
  return charge.delayedBy === null ? 'passed' : 'deferred';
}
