// Who is at fault when an upstream refuses, by stage, code, enhanced code, words and provider. Whoever is not surely at
// fault is not blamed: what no row knows is the message's own trouble at that stage (`codes.ts`).
//
// Costs 1 to 5 µs of CPU a refusal, 13 for the longest text that is looked at; none takes longer than its length.

import type { Provider } from '../../src/mail/provider.ts';
import { isPermanent, type Reply } from '../../src/mail/reply.ts';
import type { Stage, Verdict } from '../../src/mail/upstream.ts';
import { type Fault, STAGES, TRANSACTION } from './fault.ts';
import { createPhraseFinder } from './phrase-finder.ts';
import { retryAfterMs } from './retry-after.ts';
import { FAULTS } from './table.ts';

/** What is said beyond this is not looked at. */
const MAX_TEXT = 1_000;

/** A row made ready: its words by number, and the stages that are meant where it names none. */
type Row = {
  readonly fault: Fault;
  readonly stages: readonly Stage[];
  readonly phrases: readonly number[] | null;
};

const PHRASES = [...new Set(FAULTS.flatMap(({ words }) => words ?? []))];
const findPhrases = createPhraseFinder(PHRASES);
const NUMBERS = new Map(PHRASES.map((phrase, number) => [phrase, number]));

const ROWS: readonly Row[] = FAULTS.map(fault => ({
  fault,
  stages: fault.stages ?? (['upstream', 'network'].includes(fault.scope) ? STAGES : TRANSACTION),
  phrases: fault.words?.map(phrase => NUMBERS.get(phrase)!) ?? null,
}));

/** Rows by stage, in order: most are out of the question by then. */
const BY_STAGE = new Map(STAGES.map(stage => [stage, ROWS.filter(({ stages }) => stages.includes(stage))]));

export function judgeReply(stage: Stage, reply: Reply, provider: Provider | null): Verdict {
  const text = searchable(reply);
  const fault = firstThatFits(stage, reply, text, provider);
  const { name, scope, opens } = fault;
  return { scope, rule: name, opens: opens ?? false, slows: isSlowing(fault, reply), retryAfterMs: retryAfterMs(text) };
}

/** The row that decides. */
export function findFault(stage: Stage, reply: Reply, provider: Provider | null): Fault {
  return firstThatFits(stage, reply, searchable(reply), provider);
}

/** A 5xx about our address or our name is a verdict, not a pace; of an account it may be the limit of the hour. */
function isSlowing({ slows, scope }: Fault, reply: Reply): boolean {
  return slows === true && (scope === 'upstream' || !isPermanent(reply));
}

function firstThatFits(stage: Stage, reply: Reply, text: string, provider: Provider | null): Fault {
  const found = findPhrases(text);
  return BY_STAGE.get(stage)!.find(row => fits(row, reply, found, provider))!.fault;
}

function fits({ fault, phrases }: Row, reply: Reply, found: ReadonlySet<number>, provider: Provider | null): boolean {
  if (phrases !== null && (found.size === 0 || !phrases.some(phrase => found.has(phrase)))) return false;
  if (fault.provider !== undefined && fault.provider !== provider) return false;
  if (fault.permanent !== undefined && fault.permanent !== isPermanent(reply)) return false;
  if (fault.codes && !fault.codes.includes(reply.code)) return false;
  return !fault.enhanced || fault.enhanced.some(prefix => matchesEnhanced(reply.enhanced, prefix));
}

function matchesEnhanced(enhanced: string | null, prefix: string): boolean {
  if (enhanced === null) return false;
  const withoutClass = enhanced.slice(2);
  return prefix.endsWith('.') ? withoutClass.startsWith(prefix) : withoutClass === prefix;
}

/** Without addresses: dmarc@ and billing@ are people, not reasons. Of a link that asks about one, its page is left. */
function searchable({ text }: Reply): string {
  const lower = text.slice(0, MAX_TEXT).toLowerCase();
  if (!lower.includes('@')) return lower;
  return lower
    .split(' ')
    .map(word => (word.includes('@') ? withoutAddress(word) : word))
    .join(' ');
}

function withoutAddress(word: string): string {
  const query = word.indexOf('?');
  const asksAbout = word.startsWith('http') && query !== -1 && query < word.indexOf('@');
  return asksAbout ? word.slice(0, query) : '@';
}
