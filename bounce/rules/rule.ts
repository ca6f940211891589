/** A rule is data: what must hold, the reason that follows, and a line from the wild that it was written for. */

import type { SmtpStage } from '../report/recipient.ts';
import type { BounceReason } from './reason.ts';

export interface Rule {
  /** Stands in log, event, API and `bounce explain`; never reused for something else. */
  readonly id: string;
  readonly reason: BounceReason;
  /** Any one of these phrases (PhraseMatcher's notation, lower case). */
  readonly words?: readonly string[];
  /** Any one of these enhanced codes; `x.` for any class, a trailing `*` for any ending. */
  readonly statuses?: readonly string[];
  readonly replyCodes?: readonly string[];
  /** Part of a server's name (remote MTA) or of the diagnostic, lower case: for providers with a language of their own. */
  readonly mtas?: readonly string[];
  /** Holds for reports only: in a session the same words are the beginning of the story, not its end. */
  readonly onlyReports?: true;
  readonly stages?: readonly SmtpStage[];
  readonly sample: string;
}

/** Phrases written as running text, separated by commas, so that a list of two hundred can be read at a glance. */
export function phrases(list: string): readonly string[] {
  return list
    .split(',')
    .map(phrase => phrase.trim().replaceAll('\n', ' '))
    .filter(phrase => phrase !== '');
}
