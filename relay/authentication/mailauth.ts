// The parts of mailauth that we use, loaded at the first message that needs them: 100 ms and 32 MB that a gateway whose
// apps log in and do not sign never pays. They get our resolver, which ends when the message's time is over.
import type { Resolve } from '../../src/platform/resolver.ts';

export const loadDkim = async () => (await import('mailauth/lib/dkim/verify.js')).dkimVerify;
export const loadArc = async () => (await import('mailauth/lib/arc/index.js')).arc;
export const loadSpf = async () => (await import('mailauth/lib/spf/index.js')).spf;

export type LimitedResolver = {
  /** In mailauth's shape. */
  resolve(name: string, type: string): Promise<string[]>;
  /** Look-ups so far that the DNS left without an answer. */
  readonly failures: () => number;
};

/** RSA keys of 4,096 bits, the most that RFC 8301 asks of verifiers, take 800 characters; nobody publishes 16,384. */
const MAX_TEXT = 2_048;

/** Copies of everything: mailauth sorts answers in place and writes on errors, and ours are shared and remembered. */
export function limitResolver(resolve: Resolve, signal: AbortSignal): LimitedResolver {
  let failures = 0;
  return {
    failures: () => failures,
    async resolve(name, type) {
      try {
        const records = await resolve(name, type as Parameters<Resolve>[1], signal);
        return (type === 'TXT' ? records.filter(isOfSensibleLength) : [...records]) as string[];
      } catch (error) {
        const { message, code } = error as Error & { code?: string };
        if (code !== 'ENOTFOUND' && code !== 'ENODATA' && code !== 'EBADNAME') failures += 1;
        throw Object.assign(new Error(message), { code });
      }
    },
  };
}

function isOfSensibleLength(record: unknown): boolean {
  return (record as string[]).reduce((sum, part) => sum + part.length, 0) <= MAX_TEXT;
}
