// What the results of an attempt tell about the upstream itself, whatever they say about the message. Pure.
import { formatReply } from '../../src/mail/reply.ts';
import { type AttemptResult, isOurEnd } from '../../src/mail/upstream.ts';
import { BEFORE_MAIL } from '../faults/fault.ts';
import type { Lesson } from '../upstreams/breaker.ts';

/** null = nothing: it was we who ended it. */
export function lessonOf(results: readonly AttemptResult[]): Lesson | null {
  if (results.some(isOurEnd)) return null;
  const down = results.find(isDown);
  if (down) return { kind: 'down', error: describe(down), cause: causeOf(down), ...toldBy(down) };
  const troubled = results.find(result => result.kind === 'refused' && result.scope === 'upstream');
  return troubled ? { kind: 'troubled', error: describe(troubled), ...toldBy(troubled) } : { kind: 'well' };
}

/**
 * No conversation, one that broke off, a host that is closing, or one that takes nothing from us; not what it says about
 * a message or a recipient, even with a 421.
 */
function isDown(result: AttemptResult): boolean {
  switch (result.kind) {
    case 'accepted':
      return false;
    case 'unreachable':
    case 'uncertain':
      return true;
    case 'refused': {
      const isClosing = result.reply.code === 421 && (result.scope === 'upstream' || result.scope === 'network');
      return result.opens || isClosing || BEFORE_MAIL.includes(result.stage);
    }
  }
}

function causeOf(result: AttemptResult) {
  if (result.kind === 'refused' && result.opens) return 'account-closed';
  return result.kind !== 'accepted' && result.stage === 'auth' ? 'login-refused' : 'unreachable';
}

function toldBy(result: AttemptResult) {
  return result.kind === 'refused' ? { rule: result.rule, retryAfterMs: result.retryAfterMs } : { retryAfterMs: null };
}

function describe(result: AttemptResult): string {
  if (result.kind === 'accepted' || result.kind === 'refused') return formatReply(result.reply);
  // The system's own words begin with what it was doing.
  return result.error.startsWith(`${result.stage} `) ? result.error : `${result.stage}: ${result.error}`;
}
