// What a domain's own host says (mx://). We have no account there: what would be our own trouble with a smart host
// ("relaying denied", "server does not accept mail", RFC 7504) is the domain's last word about this mail, and what is no
// last word may be better elsewhere.
import { isPermanent, type Reply } from '../../src/mail/reply.ts';
import type { Stage, Verdict } from '../../src/mail/upstream.ts';
import { TRANSACTION } from './fault.ts';

export function judgedAsOwnHost(stage: Stage, reply: Reply, verdict: Verdict): Verdict {
  if (verdict.scope !== 'upstream') return verdict;
  const isLastWord = TRANSACTION.includes(stage) && isPermanent(reply);
  return { ...verdict, scope: isLastWord ? 'recipient' : 'network', opens: false };
}
