/**
 * One classifier for what a server said in the session and what a report says days later. Pure: facts in, verdict out.
 * "5xx is hard" is wrong (BOUNCES, pitfall 1), so words come before codes, precise codes before vague ones, and what
 * nobody understands is `unknown`, which is never hard.
 */

import type { ReportAction, SmtpStage } from './report/recipient.ts';
import { contentRules, messageRules } from './rules/message.ts';
import { PhraseMatcher } from './rules/phrase-matcher.ts';
import { plainWords } from './rules/plain-words.ts';
import type { BounceReason } from './rules/reason.ts';
import { hardReasons, harmlessReasons } from './rules/reason.ts';
import { recipientRules } from './rules/recipient.ts';
import { mailboxFullRules, recipientStateRules } from './rules/recipient-state.ts';
import { blocklistRules, reputationRules } from './rules/reputation.ts';
import type { Rule } from './rules/rule.ts';
import { senderRules } from './rules/sender.ts';
import { localRules, relayRules, serviceRules } from './rules/service.ts';
import { broadCodeRules, codeRules, lastRules, noMailboxCodes, vagueRules } from './rules/vague.ts';

export interface BounceFact {
  readonly status: string | null;
  readonly replyCode: string | null;
  readonly diagnostic: string;
  readonly stage?: SmtpStage | null;
  readonly reportingMta?: string | null;
  readonly remoteMta?: string | null;
  /** Null for a reply in the session: then the class of the code says whether it is final. */
  readonly action?: ReportAction | null;
  /** Of a feedback report (RFC 5965 3.1). */
  readonly feedbackType?: string | null;
  /** Prose around, read only where the diagnostic says nothing. */
  readonly context?: string;
}

export interface BounceVerdict {
  readonly reason: BounceReason;
  /** hard: the address is bad. soft: it may be good. none: nothing failed. */
  readonly kind: 'hard' | 'soft' | 'none';
  readonly rule: string;
  /** 0 to 1. */
  readonly confidence: number;
}

/** In the order in which they are asked. */
const strongRules: readonly Rule[] = [
  ...blocklistRules,
  ...senderRules,
  ...mailboxFullRules,
  ...messageRules,
  ...reputationRules,
  ...recipientStateRules,
  ...contentRules,
  ...relayRules,
  ...localRules,
  ...recipientRules,
  ...serviceRules,
];

/** What prose around a report may decide: it also advises, excuses and advertises, so not everything. */
const proseRules: readonly Rule[] = [
  ...blocklistRules,
  ...mailboxFullRules,
  ...recipientStateRules,
  ...localRules,
  ...recipientRules,
];

export const allRules: readonly Rule[] = [
  ...strongRules,
  ...codeRules,
  ...noMailboxCodes,
  ...broadCodeRules,
  ...vagueRules,
  ...lastRules,
];

export function classifyBounce(fact: BounceFact): BounceVerdict {
  const settled = settledByAction(fact);
  if (settled) return settled;
  const found = chooseRule(fact);
  const reason = found?.rule.reason ?? 'unknown';
  return {
    reason,
    kind: kindOf(reason, fact),
    rule: found?.rule.id ?? 'nothing-fits',
    confidence: found?.confidence ?? 0,
  };
}

function settledByAction(fact: BounceFact): BounceVerdict | undefined {
  const { action } = fact;
  if (action === 'complaint' && fact.feedbackType === 'auth-failure')
    return { reason: 'auth_failure', kind: 'none', rule: 'feedback-auth-failure', confidence: 1 };
  if (action === 'complaint') return { reason: 'complaint', kind: 'none', rule: 'feedback-report', confidence: 1 };
  if (action === 'auto-reply') return { reason: 'auto_reply', kind: 'none', rule: 'auto-reply', confidence: 0.9 };
  const arrived = action === 'delivered' || action === 'relayed' || action === 'expanded';
  return arrived ? { reason: 'delivered', kind: 'none', rule: `action-${action}`, confidence: 1 } : undefined;
}

interface Choice {
  readonly rule: Rule;
  readonly confidence: number;
}

/** Each line: which rules, asked about which words, and how sure an answer from there is. */
function chooseRule(fact: BounceFact): Choice | undefined {
  const said = new Words(fact.diagnostic);
  const around = new Words(fact.context ?? '');
  return (
    ask(strongRules, fact, said, 0.9) ??
    ask(codeRules, fact, said, 0.7) ??
    (said.isEmpty ? ask(proseRules, fact, around, 0.7) : undefined) ??
    ask(noMailboxCodes, fact, said, 0.7) ??
    ask(vagueRules, fact, said, 0.6) ??
    ask(broadCodeRules, fact, said, 0.6) ??
    (said.isEmpty ? undefined : ask(lastRules, fact, said, 0.3)) ??
    ask(strongRules, fact, around, 0.5) ??
    ask(vagueRules, fact, around, 0.4) ??
    ask(lastRules, fact, said, 0.3)
  );
}

function ask(rules: readonly Rule[], fact: BounceFact, words: Words, confidence: number): Choice | undefined {
  const rule = rules.find(one => holds(one, fact, words));
  return rule && { rule, confidence };
}

function holds(rule: Rule, fact: BounceFact, words: Words): boolean {
  if (rule.onlyReports && fact.action == null) return false;
  if (rule.words && !words.holdAny(rule)) return false;
  if (rule.statuses && !rule.statuses.some(pattern => statusFits(pattern, fact.status))) return false;
  if (rule.replyCodes && !rule.replyCodes.includes(fact.replyCode ?? '')) return false;
  if (
    rule.mtas &&
    !rule.mtas.some(
      name => (fact.remoteMta ?? '').toLowerCase().includes(name) || fact.diagnostic.toLowerCase().includes(name),
    )
  )
    return false;
  return !rule.stages || (fact.stage != null && rule.stages.includes(fact.stage));
}

function statusFits(pattern: string, status: string | null): boolean {
  if (status === null) return false;
  const anyClass = pattern.startsWith('x');
  const wanted = anyClass ? pattern.slice(1) : pattern;
  const given = anyClass ? status.slice(1) : status;
  return wanted.endsWith('*') ? given.startsWith(wanted.slice(0, -1)) : given === wanted;
}

/**
 * A dead address is hard only once the report is final; in the session a 4xx is not. A domain that could not be found
 * for now (4.x.x) may be a name server's bad day: Gmail reports NXDOMAIN so, with Action failed.
 */
function kindOf(reason: BounceReason, fact: BounceFact): BounceVerdict['kind'] {
  if (harmlessReasons.has(reason)) return 'none';
  if (!hardReasons.has(reason) || fact.action === 'delayed') return 'soft';
  const code = fact.replyCode ?? fact.status;
  const isTransient =
    fact.status?.startsWith('4') === true || (fact.status === null && fact.replyCode?.startsWith('4') === true);
  if (isTransient && reason !== 'no_mailbox' && reason !== 'moved') return 'soft';
  const isFinal = fact.action === 'failed' || fact.action === 'expired';
  return isFinal || code === null || code.startsWith('5') ? 'hard' : 'soft';
}

const matcher = new PhraseMatcher();
const phrasesOf = new Map<Rule, readonly number[]>(
  allRules.filter(rule => rule.words).map(rule => [rule, rule.words!.map(words => matcher.add(words))]),
);

/** A text's phrases, found once and on demand. */
class Words {
  readonly isEmpty: boolean;
  private readonly text: string;
  private found: Set<number> | undefined;

  constructor(text: string) {
    this.text = plainWords(text);
    this.isEmpty = this.text.length < 4;
  }

  holdAny(rule: Rule): boolean {
    this.found ??= matcher.find(this.text);
    const found = this.found;
    return phrasesOf.get(rule)!.some(id => found.has(id));
  }
}
