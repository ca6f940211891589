// What receivers will make of a message once it has left: DMARC (RFC 7489) asks for one identifier that passes and is in
// the From domain, be it a DKIM signature or the return path. Pure; three-valued, because our upstreams' addresses, and
// so what SPF will say, are known only as far as somebody told us.
import { isAligned } from './alignment.ts';
import type { DomainPolicy } from './domain-records.ts';
import type { Prediction } from './facts.ts';
import type { ArrivedSignature } from './signatures.ts';
import type { SpfRecord } from './spf-record.ts';

export type Evidence = {
  /** The From domain. This and all other domains normalised. */
  readonly author: string;
  readonly policy: DomainPolicy;
  readonly signatures: readonly ArrivedSignature[];
  /** Domains that we sign as. */
  readonly willSign: readonly string[];
  readonly returnPath: { readonly domain: string; readonly spf: SpfRecord } | null;
  /** For each upstream that it may leave through: what a record must include to cover it, null = not known. */
  readonly includes: readonly (string | null)[];
};

type Outcome = boolean | null;

export function predict(evidence: Evidence): Prediction {
  const { author, policy, signatures, willSign, returnPath } = evidence;
  const modes = policy.kind === 'published' ? policy : ({ dkim: 'relaxed', spf: 'relaxed' } as const);
  const aligned = signatures.filter(({ domain, survives }) => survives && isAligned(domain, author, modes.dkim));
  const signer =
    willSign.find(domain => isAligned(domain, author, modes.dkim)) ??
    aligned.find(({ result }) => result === 'pass')?.domain ??
    null;
  const dkimAligned = signer !== null;
  const spfAligned = returnPath !== null && isAligned(returnPath.domain, author, modes.spf);
  const spf = spfAligned ? predictSpf(returnPath.spf, evidence.includes) : 'fail';

  const dkimPasses: Outcome = dkimAligned || (aligned.some(({ result }) => result === 'temperror') ? null : false);
  const spfPasses: Outcome = spf === 'pass' ? true : spf === 'fail' ? false : null;
  const found = {
    dkimAligned,
    spfAligned,
    spf,
    willPass: either(dkimPasses, spfPasses),
    policy: policy.kind === 'published' ? policy.policy : null,
  };
  return { ...found, consequence: inWords(found, evidence, dkimPasses, signer) };
}

function predictSpf(record: SpfRecord, includes: readonly (string | null)[]): Prediction['spf'] {
  switch (record.kind) {
    case 'absent':
    case 'broken':
    case 'nobody':
      return 'fail';
    case 'anybody':
      return 'pass';
    case 'unknown':
      return 'temperror';
    case 'some': {
      // A record that does not name the upstream may name its addresses.
      const covers = includes.every(include => include !== null && record.includes.includes(include));
      return includes.length > 0 && covers ? 'pass' : 'depends';
    }
  }
}

function either(a: Outcome, b: Outcome): Outcome {
  if (a || b) return true;
  return a === null || b === null ? null : false;
}

function inWords(
  found: Omit<Prediction, 'consequence'>,
  evidence: Evidence,
  dkimPasses: Outcome,
  signer: string | null,
): string {
  const { author, policy } = evidence;
  const returnPath = evidence.returnPath?.domain ?? '<>';
  if (signer !== null) return `passes DMARC: signed as ${signer}`;
  if (found.willPass) return `passes DMARC: the SPF record of ${returnPath} covers the upstream`;
  if (dkimPasses === null) return `not known: the DNS did not give the key of its DKIM signature`;
  if (found.spf === 'temperror') return `not known: the DNS did not give the SPF record of ${returnPath}`;
  const unless = found.spf === 'depends' ? ` unless the SPF record of ${returnPath} covers the upstream` : '';
  const missing = found.spf === 'depends' ? '' : `: ${whatIsMissing(found, evidence)}`;
  switch (policy.kind === 'published' ? policy.policy : policy.kind) {
    case 'reject':
      return `refused by receivers, as ${author} asks${unless}${missing}`;
    case 'quarantine':
      return `taken for spam by receivers, as ${author} asks${unless}${missing}`;
    case 'unknown':
      return `fails DMARC, if ${author} has a policy, which the DNS did not say${unless}${missing}`;
    default:
      return `does not pass DMARC${unless}, and ${author} asks for nothing in that case${missing}`;
  }
}

function whatIsMissing(
  { spfAligned }: Pick<Prediction, 'spfAligned'>,
  { author, returnPath, signatures }: Evidence,
): string {
  const broken = signatures.find(signature => isAligned(signature.domain, author, 'relaxed'));
  const dkim = broken ? `its DKIM signature as ${broken.domain} does not pass` : `no DKIM signature as ${author}`;
  if (returnPath === null) return `${dkim}, and the return path is <>`;
  return spfAligned
    ? `${dkim}, and ${returnPath.domain} has no SPF record that lets anybody send`
    : `${dkim}, and the return path ${returnPath.domain} is another domain`;
}
