/**
 * Mailgun signs a token, not the payload: whoever saw one signature could put any event beside it. So each token goes
 * with the event that it came with first, and is good for once. An event that could not be taken may come again with its
 * token, by which time both may be old: Mailgun tries for eight hours.
 */
import { digestOf } from './json.ts';

export type TokenMemory = {
  /** new: let it in. taken: it was, and the provider did not hear us say so. replayed: with another event. */
  meet(token: string, said: string, nowMs: number, isFresh: boolean): 'new' | 'taken' | 'replayed' | 'stale';
  noteTaken(token: string): void;
};

/** Longer than Mailgun's tries take. */
const REMEMBER_MS = 9 * 3_600_000;
/** 20 MB; ten minutes' worth, which is what freshness leaves to a replay, at 160 events a second. */
const MAX_TOKENS = 100_000;

type Remembered = { readonly digest: string; readonly until: number; isTaken: boolean };

export function createTokenMemory(maxTokens = MAX_TOKENS): TokenMemory {
  // In the order in which they came, so the oldest is first.
  const tokens = new Map<string, Remembered>();

  const forgetOld = (nowMs: number) => {
    for (const [token, { until }] of tokens) {
      if (until > nowMs && tokens.size < maxTokens) return;
      tokens.delete(token);
    }
  };

  return {
    meet(token, said, nowMs, isFresh) {
      const digest = digestOf(said);
      const known = tokens.get(token);
      if (known) {
        if (known.digest !== digest) return 'replayed';
        return known.isTaken ? 'taken' : 'new';
      }
      if (!isFresh) return 'stale';
      forgetOld(nowMs);
      tokens.set(token, { digest, until: nowMs + REMEMBER_MS, isTaken: false });
      return 'new';
    },
    noteTaken(token) {
      const known = tokens.get(token);
      if (known) known.isTaken = true;
    },
  };
}
