/**
 * One recipient of an event, judged: the server's words by the classifier of the mail reports, the provider's word by
 * claims.ts, and both put together. Pure.
 */
import type { ProviderKind } from '../../src/mail/provider-fields.ts';
import { type BounceVerdict, classifyBounce } from '../classify.ts';
import { type ReportAction, reportedRecipient } from '../report/recipient.ts';
import { readStatus } from '../report/reply-code.ts';
import type { Claim } from './claims.ts';
import type { EventRecipient } from './provider-event.ts';

/** What the event says of one recipient, before anybody judged it. */
export type Said = {
  readonly address: string;
  readonly finalAddress?: string | null;
  readonly status?: string;
  readonly replyCode?: string;
  readonly diagnostic?: string;
  readonly feedbackType?: string;
  readonly isCertain?: boolean;
};

/** Below that the classifier guesses from the vaguest words. */
const UNDERSTOOD = 0.5;
/** The provider's word alone: as good as a precise code. */
const PROVIDER_CONFIDENCE = 0.7;

export function judgeBounce(provider: ProviderKind, claim: Claim, said: Said): EventRecipient {
  if (claim.kind === 'rejected') return unsent(provider, claim, said);
  const { facts, verdict } = classified(said, claim.kind === 'delayed' ? 'delayed' : 'failed');
  const own = `${provider}:${claim.says}`;
  const isUnderstood = verdict.reason !== 'unknown' && verdict.confidence >= UNDERSTOOD;
  if (!isUnderstood) {
    const hard = claim.hard === 'by-itself' && claim.kind === 'bounced';
    return { ...facts, reason: claim.reason, hard, rule: own, confidence: PROVIDER_CONFIDENCE };
  }
  const isVetoed = claim.hard === 'never' && verdict.kind === 'hard';
  const rule = isVetoed ? `${verdict.rule}, not hard for ${own}` : verdict.rule;
  const hard = verdict.kind === 'hard' && !isVetoed;
  return { ...facts, reason: verdict.reason, hard, rule, confidence: verdict.confidence };
}

/** abuse when the provider names no type; authentication failures speak of our DKIM, not for the recipient (RFC 6591). */
export function judgeComplaint(said: Said): EventRecipient {
  const { facts, verdict } = classified(said, 'complaint');
  return { ...facts, reason: verdict.reason, hard: false, rule: verdict.rule, confidence: verdict.confidence };
}

export function judgeDelivered(said: Said): EventRecipient {
  const { facts, verdict } = classified(said, 'delivered');
  return { ...facts, reason: verdict.reason, hard: false, rule: verdict.rule, confidence: verdict.confidence };
}

/** No server was asked, so the words are the provider's own and prove nothing. */
export function unsent(provider: ProviderKind, claim: Claim, said: Said): EventRecipient {
  const { facts } = classified(said, 'failed');
  const rule = `${provider}:${claim.says}`;
  return { ...facts, reason: claim.reason, hard: false, rule, confidence: PROVIDER_CONFIDENCE };
}

export function unsubscribed(provider: ProviderKind, said: Said): EventRecipient {
  const { facts } = classified(said, 'delivered');
  return { ...facts, reason: null, hard: false, rule: `${provider}:unsubscribed`, confidence: 1 };
}

type Facts = Omit<EventRecipient, 'reason' | 'hard' | 'rule' | 'confidence'>;

function classified(said: Said, action: ReportAction): { facts: Facts; verdict: BounceVerdict } {
  const { address, finalAddress = null, isCertain = true, feedbackType = null } = said;
  const diagnostic = (said.diagnostic ?? '').replace(/^\s*(smtp|x-[\w-]+)\s*;\s*/i, '');
  const replyCode = /^[245]\d\d$/.exec(said.replyCode ?? '')?.[0] ?? null;
  const status = readStatus(said.status ?? '');
  const reported = reportedRecipient({ recipient: address, action, status, replyCode, diagnostic, feedbackType });
  const facts = { status: reported.status, replyCode: reported.replyCode, diagnostic: reported.diagnostic };
  return { facts: { address, finalAddress, ...facts, feedbackType, isCertain }, verdict: classifyBounce(reported) };
}
