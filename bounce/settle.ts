// One fact about one delivery, told by a report or by an upstream: counted once, judged, and acted upon, all within the
// caller's transaction. The same for both, so that a refusal in the session and a report days later cannot disagree.
import { addressKey } from '../src/mail/address.ts';
import type { ReturnedKind } from '../src/mail/outcome.ts';
import {
  countEvents,
  isKnownOutcome,
  lastSuccess,
  lockAddress,
  putEvent,
  putOutcome,
  raiseAlarm,
  strikesAgainst,
  suppressAddress,
  suppressedWithinAnHour,
} from '../src/store/outcomes.ts';
import { findSuppressionPolicy } from '../src/store/suppression-policies.ts';
import type { Connection } from '../src/store/transaction.ts';
import type { BounceVerdict } from './classify.ts';
import type { Candidate } from './correlate.ts';
import type { ReportAction } from './report/recipient.ts';
import { completePolicy, countStrikes, type Fact, factOf, type Judgement, judge, judgeStrikes } from './suppress.ts';

export type Settling = {
  readonly delivery: Candidate;
  readonly action: ReportAction;
  readonly verdict: BounceVerdict;
  readonly feedbackType: string | null;
  /** null: said in our own session. */
  readonly reportId: string | null;
  /** What was said, in the words of whoever said it. */
  readonly said: string;
  /** Further facts for the event. */
  readonly details: object;
};

export type Settled = {
  readonly decision: 'suppressed' | 'waiting' | 'strike' | 'nothing' | 'repeated';
  /** The policy's rule, with its figures. */
  readonly decidedBy: string;
  /** What somebody should hear of. */
  readonly alarms: readonly Alarm[];
};

export type Alarm = {
  readonly kind: 'bounce-alarm' | 'suppressions-capped';
  readonly topic: string;
  readonly reason: string;
};

export type Limits = { readonly suppressionsPerHour: number; readonly now: Date };

/** In this order they take their locks. */
export function inLockOrder<T extends { readonly delivery: Candidate }>(settlings: readonly T[]): T[] {
  const key = ({ delivery }: T) => `${addressKey(delivery.recipient)} ${delivery.tenantId}`;
  return settlings.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

export async function settle(connection: Connection, settling: Settling, limits: Limits): Promise<Settled> {
  const fact = factOf(settling);
  const { delivery } = settling;
  await lockAddress(connection, delivery.tenantId, delivery.recipient);
  if (fact !== null && (await isKnownOutcome(connection, { ...delivery, fact }))) {
    const settled: Settled = { decision: 'repeated', decidedBy: 'already-counted', alarms: [] };
    await tell(connection, settling, settled);
    return settled;
  }
  const judgement = await judgeByPolicy(connection, settling, limits.now);
  const decision = await decide(connection, judgement, limits);
  if (fact !== null) await record(connection, settling, fact, judgement, decision);
  if (decision === 'suppressed' && judgement.kind === 'suppress') await suppress(connection, settling, judgement);
  const alarms = await raise(connection, settling, judgement, decision, limits);
  const settled: Settled = { decision, decidedBy: judgement.rule, alarms };
  await tell(connection, settling, settled);
  return settled;
}

async function judgeByPolicy(connection: Connection, settling: Settling, now: Date): Promise<Judgement> {
  const policy = completePolicy(await findSuppressionPolicy(connection, settling.delivery));
  const judgement = judge(settling, policy);
  if (judgement.kind !== 'strike') return judgement;
  const { tenantId, recipient, acceptedAt } = settling.delivery;
  const since = new Date(now.getTime() - policy.strikesWithinMs);
  const earlier = await strikesAgainst(connection, tenantId, recipient, since);
  const success = await lastSuccess(connection, tenantId, recipient, acceptedAt);
  return judgeStrikes(judgement.rule, countStrikes(earlier, success, now.getTime(), policy), policy);
}

/** Beyond so many an hour a broken rule or provider is likelier than so many dead addresses: a person decides then. */
async function decide(connection: Connection, judgement: Judgement, limits: Limits) {
  if (judgement.kind === 'strike') return 'strike';
  if (judgement.kind !== 'suppress') return 'nothing';
  const suppressed = await suppressedWithinAnHour(connection);
  return suppressed < limits.suppressionsPerHour ? 'suppressed' : 'waiting';
}

function record(
  connection: Connection,
  settling: Settling,
  fact: Fact,
  judgement: Judgement,
  decision: 'suppressed' | 'waiting' | 'strike' | 'nothing',
): Promise<void> {
  const { delivery, verdict, reportId } = settling;
  return putOutcome(connection, {
    ...{ messageId: delivery.messageId, n: delivery.n, fact, reportId, decision },
    ...{ recipient: delivery.recipient, tenantId: delivery.tenantId, stream: delivery.stream },
    ...{ reason: verdict.reason, rule: verdict.rule, evidence: evidenceOf(settling), decidedBy: judgement.rule },
    suppression: judgement.kind === 'suppress' ? judgement.reason : null,
    suppressForMs: judgement.kind === 'suppress' ? judgement.forMs : null,
  });
}

async function suppress(
  connection: Connection,
  settling: Settling,
  judgement: Judgement & { kind: 'suppress' },
): Promise<void> {
  const { delivery } = settling;
  const { reason, forMs, rule } = judgement;
  const stream = judgement.onlyItsStream ? delivery.stream : null;
  const evidence = evidenceOf(settling);
  const { recipient, tenantId } = delivery;
  await suppressAddress(connection, { delivery, recipient, tenantId, stream, reason, forMs, evidence });
  const data = { address: recipient, reason, rule, forMs, report: settling.reportId };
  await putEvent(connection, { kind: 'address-suppressed', ...place(delivery), topic: null, data });
}

/** `report 01KAR…: 550 5.1.1 no such user (user-unknown)`: what the list shows beside the address. */
export function evidenceOf({ delivery, reportId, said, verdict }: Settling): string {
  const source = reportId === null ? `message ${delivery.messageId}` : `report ${reportId}`;
  return `${source}: ${said.slice(0, 300)} (rule ${verdict.rule})`;
}

async function raise(
  connection: Connection,
  { delivery, verdict, said, reportId }: Settling,
  judgement: Judgement,
  decision: Settled['decision'],
  { suppressionsPerHour }: Limits,
): Promise<Alarm[]> {
  const domain = addressKey(delivery.recipient).split('@').pop()!;
  const alarm: Alarm | null =
    judgement.kind === 'alarm'
      ? { kind: 'bounce-alarm', topic: `domain:${domain}`, reason: verdict.reason }
      : decision === 'waiting'
        ? { kind: 'suppressions-capped', topic: 'suppressions', reason: `more than ${suppressionsPerHour} in an hour` }
        : null;
  if (!alarm) return [];
  const { isRaised, before } = await raiseAlarm(connection, alarm.topic, alarm.reason);
  if (!isRaised) return [];
  const data = {
    reason: alarm.reason,
    rule: verdict.rule,
    said,
    report: reportId,
    message: delivery.messageId,
    before,
  };
  await putEvent(connection, { kind: alarm.kind, messageId: null, n: null, topic: alarm.topic, data });
  return [alarm];
}

/** On the message's timeline: told each time, counted once. */
function tell(connection: Connection, settling: Settling, { decision, decidedBy }: Settled): Promise<void> {
  const { delivery, action, verdict, reportId, said, details } = settling;
  const { reason, kind, rule } = verdict;
  const data = { report: reportId, action, reason, verdict: kind, rule, said, decision, decidedBy, ...details };
  return putEvent(connection, { kind: eventOf(action), ...place(delivery), topic: null, data });
}

function eventOf(action: ReportAction): ReturnedKind {
  switch (action) {
    case 'failed':
    case 'expired':
      return 'bounced';
    case 'delayed':
      return 'delay-reported';
    case 'delivered':
    case 'relayed':
    case 'expanded':
      return 'delivery-confirmed';
    case 'complaint':
      return 'complained';
    case 'auto-reply':
      return 'auto-replied';
    case 'rejected':
      return 'rejected-by-provider';
  }
}

/** Of those that prove nothing, a message's timeline shows so many. */
const MOST_UNPROVEN = 20;

export async function tellUnproven(connection: Connection, settling: Settling, why: string): Promise<void> {
  const { delivery, action, verdict, reportId, said, details } = settling;
  if ((await countEvents(connection, delivery.messageId, 'report-unproven')) >= MOST_UNPROVEN) return;
  const data = {
    report: reportId,
    action,
    reason: verdict.reason,
    verdict: verdict.kind,
    rule: verdict.rule,
    said,
    ...details,
    why,
  };
  await putEvent(connection, { kind: 'report-unproven', ...place(delivery), topic: null, data });
}

const place = ({ messageId, n }: Candidate) => ({ messageId, n });
