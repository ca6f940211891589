// Whether mail is refused for what was found out about who it is from. Pure. Only where the credential says `enforce`,
// only what receivers would refuse as well, and never for good because the DNS was away.
//
// The codes are those of RFC 7372: X.7.20 no passing DKIM signature, X.7.23 SPF validation failed, X.7.24 SPF validation
// error, X.7.26 multiple authentication checks failed. It has them as 5.7.x with 550; RFC 3463 lets the same detail stand
// in a 4.7.x, for what may be otherwise the next time. A From field that cannot be read is X.7.1, as in sender.ts.
import { type Reply, reply } from '../../src/mail/reply.ts';
import type { AuthenticationPolicy } from '../../src/mail/submission.ts';
import type { AuthenticationFacts, DkimFact } from './facts.ts';

export type AuthenticationObjection = {
  /** defer = the DNS did not say; the app tries again. */
  readonly kind: 'reject' | 'defer';
  readonly reply: Reply;
  readonly rule: string;
};

type Check = (facts: AuthenticationFacts) => AuthenticationObjection | null;

/** In this order: what is certain first, and of that the nearest to its cause. */
const CHECKS: readonly Check[] = [
  unreadableAuthor,
  brokenSignature,
  foreignClient,
  failingDmarc,
  unknownClient,
  unknownSignature,
  unknownDmarc,
];

export function objectToAuthentication(
  facts: AuthenticationFacts,
  policy: AuthenticationPolicy,
): AuthenticationObjection | null {
  if (policy !== 'enforce') return null;
  for (const check of CHECKS) {
    const objection = check(facts);
    if (objection) return objection;
  }
  return null;
}

function unreadableAuthor({ dmarc }: AuthenticationFacts): AuthenticationObjection | null {
  return dmarc.domain === null
    ? reject('5.7.1', 'From field names no domain that receivers would agree on', 'author-not-understood')
    : null;
}

/** The domain may have no policy at all; a signature of its own that does not verify is still a fault at the app's end. */
function brokenSignature({ dkim, prediction }: AuthenticationFacts): AuthenticationObjection | null {
  const broken = dkim.find(({ aligned, result, survives }) => aligned && !(result === 'pass' && survives));
  if (!broken || broken.result === 'temperror' || prediction.willPass !== false) return null;
  const text = `DKIM signature of ${short(broken.domain)} does not pass (${whyNot(broken)}); mend it, or leave it out and sign here`;
  return reject('5.7.20', text, 'dkim-failed');
}

function foreignClient({ spf }: AuthenticationFacts): AuthenticationObjection | null {
  if (spf?.result !== 'fail') return null;
  const text = `SPF record of ${short(spf.domain)} does not let this address send; add it there, or log in`;
  return reject('5.7.23', text, 'spf-failed');
}

function failingDmarc({ dmarc, prediction }: AuthenticationFacts): AuthenticationObjection | null {
  const isAsked = prediction.policy === 'reject' || prediction.policy === 'quarantine';
  if (!isAsked || prediction.willPass !== false) return null;
  const domain = short(dmarc.domain ?? '');
  const text = `DMARC policy of ${domain} is ${prediction.policy}, and nothing would pass: no DKIM signature as it, and ${
    prediction.spfAligned ? 'no SPF record that lets anybody send' : 'a return path elsewhere'
  }; sign as ${domain}`;
  return reject('5.7.26', text, 'dmarc-will-fail');
}

function unknownClient({ spf, prediction }: AuthenticationFacts): AuthenticationObjection | null {
  if (spf?.result !== 'temperror' || prediction.willPass === true) return null;
  return defer('4.7.24', `SPF record of ${short(spf.domain)} could not be looked up`, 'spf-unknown');
}

function unknownSignature({ dkim, prediction }: AuthenticationFacts): AuthenticationObjection | null {
  const unknown = dkim.find(({ aligned, result }) => aligned && result === 'temperror');
  if (!unknown || prediction.willPass !== null) return null;
  return defer('4.7.20', `DKIM key of ${short(unknown.domain)} could not be looked up`, 'dkim-unknown');
}

/** Either what the domain asks for is not known, or whether the return path has an SPF record. */
function unknownDmarc({ dmarc, prediction }: AuthenticationFacts): AuthenticationObjection | null {
  if (prediction.willPass === true || prediction.policy === 'none') return null;
  if (dmarc.result !== 'temperror' && !(prediction.policy !== null && prediction.spf === 'temperror')) return null;
  return defer('4.7.26', `DMARC of ${short(dmarc.domain ?? '')} could not be looked up`, 'dmarc-unknown');
}

function whyNot({ result, reason }: DkimFact): string {
  return reason ?? result;
}

/** Three of them and the words fit a reply line of 512 bytes (RFC 5321 section 4.5.3.1.5). */
function short(domain: string): string {
  return domain.length <= 100 ? domain : `...${domain.slice(-97)}`;
}

function reject(enhanced: string, text: string, rule: string): AuthenticationObjection {
  return { kind: 'reject', reply: reply(550, enhanced, text), rule };
}

function defer(enhanced: string, text: string, rule: string): AuthenticationObjection {
  return { kind: 'defer', reply: reply(451, enhanced, `${text}; try again later`), rule };
}
