// Follows an SPF record into what it includes, as a receiver does (RFC 7208 section 4.6.4), and counts the look-ups.
import type { Resolve } from '../../src/platform/resolver.ts';
import { askTexts } from './dns-answer.ts';
import { parseSpf, type SpfTerm, spfRecords } from './spf-record.ts';

export type SpfWalk = {
  /** Terms that cause look-ups; a receiver gives up beyond ten. */
  readonly lookUps: number;
  /** All mechanisms that let mail pass, here and in what is included; values with the domain they mean. */
  readonly passes: readonly { readonly name: string; readonly value: string }[];
  /** What a receiver cannot evaluate, in words. */
  readonly broken: readonly string[];
  /** Names for which the DNS did not answer. */
  readonly unanswered: readonly string[];
};

export const MAX_LOOK_UPS = 10;
/** A record that goes in circles, or one made to keep us busy, ends here. */
const MAX_FOLLOWED = 30;

const CAUSES_LOOK_UP = ['include', 'a', 'mx', 'ptr', 'exists'];

export async function walkSpf(resolve: Resolve, domain: string, terms: readonly SpfTerm[]): Promise<SpfWalk> {
  const walk = {
    lookUps: 0,
    passes: [] as { name: string; value: string }[],
    broken: [] as string[],
    unanswered: [] as string[],
  };
  let followed = 0;

  await visit(domain, terms);
  return walk;

  async function visit(owner: string, list: readonly SpfTerm[]): Promise<void> {
    const hasAll = list.some(term => term.kind === 'mechanism' && term.name === 'all');
    for (const term of list) {
      if (term.kind === 'modifier') {
        // Where there is an all, redirect means nothing (section 6.1).
        if (term.name !== 'redirect' || hasAll) continue;
        walk.lookUps += 1;
        await follow(term.value);
        continue;
      }
      if (CAUSES_LOOK_UP.includes(term.name)) walk.lookUps += 1;
      if (term.qualifier !== '+') continue;
      walk.passes.push({ name: term.name, value: targetOf(term.name, term.value, owner) });
      if (term.name === 'include') await follow(term.value);
    }
  }

  async function follow(name: string): Promise<void> {
    followed += 1;
    // A macro is different for each message: it counts, and cannot be followed.
    if (name.includes('%') || followed > MAX_FOLLOWED) return;
    const answer = await askTexts(resolve, name);
    if (answer.kind === 'failed') {
      walk.unanswered.push(name);
      return;
    }
    const records = answer.kind === 'records' ? spfRecords(answer.records) : [];
    const terms = records.length === 1 ? parseSpf(records[0]!) : null;
    if (records.length !== 1)
      walk.broken.push(`${name} has ${records.length === 0 ? 'no SPF record' : 'several SPF records'}`);
    else if (terms && 'bad' in terms) walk.broken.push(`${name} has a term that is none: ${terms.bad}`);
    else if (terms) await visit(name, terms as readonly SpfTerm[]);
  }
}

/** `a`, `mx` without a domain mean that of their record; a prefix length stays. */
function targetOf(name: string, value: string, owner: string): string {
  const text = value.toLowerCase();
  return (name === 'a' || name === 'mx') && (text === '' || text.startsWith('/')) ? `${owner}${text}` : text;
}
