/**
 * An event in the form that recipients of mail reports have, so that both go the same way to correlation and suppression.
 * Each comes with its verdict, which must not be made again from the words: the provider's part in it would be lost.
 */
import type { BounceVerdict } from '../classify.ts';
import { type ReportAction, type ReportedRecipient, reportedRecipient } from '../report/recipient.ts';
import type { EventRecipient, ProviderEvent, ProviderEventKind } from './provider-event.ts';

export type JudgedRecipient = {
  readonly reported: ReportedRecipient;
  readonly verdict: BounceVerdict;
  /** False: one of several did it, and nobody knows which. To be shown, and nothing else. */
  readonly isCertain: boolean;
};

/** Unsubscribing is the opt-out of RFC 5965. */
export function asReported(event: ProviderEvent): JudgedRecipient[] {
  return event.recipients.map(one => judged(event, ACTIONS[event.kind], one));
}

const ACTIONS: Readonly<Record<ProviderEventKind, ReportAction>> = {
  bounced: 'failed',
  delayed: 'delayed',
  complained: 'complaint',
  delivered: 'delivered',
  rejected: 'rejected',
  unsubscribed: 'complaint',
};

function judged({ kind, provider }: ProviderEvent, action: ReportAction, one: EventRecipient): JudgedRecipient {
  const { address, finalAddress, status, replyCode, diagnostic, rule, confidence, isCertain } = one;
  const feedbackType = kind === 'unsubscribed' ? 'opt-out' : one.feedbackType;
  const isFailure = kind === 'bounced' || kind === 'delayed';
  const verdict: BounceVerdict = {
    ...{ reason: one.reason ?? 'complaint', rule, confidence },
    kind: one.hard ? 'hard' : isFailure ? 'soft' : 'none',
  };
  const reported = reportedRecipient({
    ...{ recipient: address, originalRecipient: address, finalRecipient: finalAddress, action },
    ...{ status, replyCode, diagnostic, feedbackType, evidence: [`${provider} ${kind}`] },
  });
  return { reported, verdict, isCertain };
}
