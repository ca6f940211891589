// Finds out what receivers will find out about a message, before it is taken: who signed it, whether its client may send,
// what its From domain asks for, and whether it will pass there. Never throws and never takes longer than a few seconds:
// what the DNS does not say is a temporary error, what mailauth chokes on a permanent one. Mail that a logged-in app
// hands over unsigned, the most of it, costs two look-ups in memory.
import type { Address } from '../../src/mail/address.ts';
import { countFields, type Header } from '../../src/mail/header.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Resolve } from '../../src/platform/resolver.ts';
import { isAligned, normaliseDomain } from './alignment.ts';
import { authorDomains } from './author.ts';
import { checkClient, clientIdentity } from './client-spf.ts';
import { createDomainRecords, type DomainPolicy, type DomainRecords } from './domain-records.ts';
import type { AuthenticationFacts, DmarcFact, Prediction, SpfFact } from './facts.ts';
import { type Evidence, predict } from './prediction.ts';
import { type Arrived, type ArrivedSignature, hasSignatures, NOTHING_ARRIVED, verifySignatures } from './signatures.ts';

export type Examination = {
  readonly content: Buffer;
  readonly header: Header;
  /** The addresses in the From field; null = not surely understood. */
  readonly authors: readonly Address[] | null;
  readonly envelope: { readonly reversePath: Address | null };
  readonly session: {
    readonly remoteAddress: string;
    readonly clientName: string;
    readonly authenticated: boolean;
  };
  /** Domains that we will sign as. */
  readonly willSign: readonly string[];
  /** The envelope sender that leaves the house; null = `<>`. */
  readonly returnPath: { readonly domain: string } | null;
  /** Names of those that it may leave through. */
  readonly upstreams: readonly string[];
  /** Fields that will not leave the house, in lower case. */
  readonly removedFields?: readonly string[];
};

export type Examine = (input: Examination) => Promise<AuthenticationFacts>;

export type ExaminerOptions = {
  readonly resolve: Resolve;
  readonly hostname: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** By upstream: the domain that SPF records include to cover its addresses. */
  readonly upstreamIncludes?: ReadonlyMap<string, string>;
  /** For all look-ups of a signature, a chain or a client together. */
  readonly maxMs?: number;
};

export function createExaminer(options: ExaminerOptions): Examine {
  const { resolve, hostname, clock, log, upstreamIncludes, maxMs = 4_000 } = options;
  const records = createDomainRecords(resolve, clock);

  return async input => {
    const authors = authorDomains(input.authors) ?? [];
    // All look-ups begin at once, so that a silent DNS is waited for once.
    const wishes = authors.map(author => records.dmarc(author));
    const returnPath = lookUpReturnPath(records, input.returnPath);
    const signed = hasSignatures(input.header);
    const signal = signed || !input.session.authenticated ? AbortSignal.timeout(maxMs) : null;
    const client = signal && !input.session.authenticated ? examineClient(input, signal) : null;
    const arrived = signal && signed ? await examineSignatures(input, signal) : NOTHING_ARRIVED;
    const spf = client && (await client);

    const common = {
      signatures: arrived.signatures,
      willSign: input.willSign.map(domain => normaliseDomain(domain) ?? domain),
      returnPath: returnPath && (await returnPath),
      includes: input.upstreams.map(upstream => upstreamIncludes?.get(upstream) ?? null),
    };
    const judged: Judged[] = [];
    for (let i = 0; i < authors.length; i += 1) {
      judged.push(
        judge({ ...common, author: authors[i]!, policy: await wishes[i]! }, spf, input.session.authenticated),
      );
    }
    const { policy, prediction, dmarc } = judged.length > 0 ? judged.reduce(worse) : UNREADABLE;
    return { dkim: withAlignment(arrived.signatures, dmarc, policy), spf, arc: arrived.arc, dmarc, prediction };
  };

  async function examineSignatures(input: Examination, signal: AbortSignal): Promise<Arrived> {
    const { content, header, removedFields = [] } = input;
    const addedFields = fieldsInFront(header);
    try {
      return await verifySignatures({ content, header, resolve, signal, now: clock(), addedFields, removedFields });
    } catch (error) {
      log.warn({ event: 'authentication-fault', remoteAddress: input.session.remoteAddress, err: error }, 'no verdict');
      return UNDIGESTED;
    }
  }

  async function examineClient({ session, envelope }: Examination, signal: AbortSignal): Promise<SpfFact> {
    try {
      return await checkClient(session, envelope.reversePath, { resolve, signal, hostname, maxMs });
    } catch (error) {
      log.warn({ event: 'authentication-fault', remoteAddress: session.remoteAddress, err: error }, 'no verdict');
      return { ...clientIdentity(session, envelope.reversePath), result: 'permerror' };
    }
  }
}

type Judged = { readonly policy: DomainPolicy; readonly dmarc: DmarcFact; readonly prediction: Prediction };

const UNREADABLE: Judged = {
  policy: { kind: 'absent' },
  dmarc: { domain: null, policy: null, result: 'permerror' },
  prediction: {
    dkimAligned: false,
    spfAligned: false,
    spf: 'fail',
    willPass: false,
    policy: null,
    consequence: 'refused by many receivers: the From field names no domain that they would agree on',
  },
};

const UNDIGESTED: Arrived = {
  signatures: [{ domain: '?', selector: '?', result: 'permerror', reason: 'not understood', survives: false }],
  arc: null,
};

/** See transforms.ts. A signature of ours is none of them: no verifier lets one that came forbid it. */
function fieldsInFront(header: Header): string[] {
  return [
    'received',
    'authentication-results',
    ...['message-id', 'date'].filter(name => countFields(header, name) === 0),
  ];
}

async function lookUpReturnPath(
  records: DomainRecords,
  returnPath: Examination['returnPath'],
): Promise<Evidence['returnPath']> {
  if (returnPath === null) return null;
  const domain = normaliseDomain(returnPath.domain);
  // An address literal has no records.
  return domain === null
    ? { domain: returnPath.domain, spf: { kind: 'absent' } }
    : { domain, spf: await records.spf(domain) };
}

function judge(evidence: Evidence, spf: SpfFact | null, loggedIn: boolean): Judged {
  const { author, policy, signatures } = evidence;
  const result = resultAsItCame(author, policy, signatures, spf, loggedIn);
  const published = policy.kind === 'published' ? policy.policy : null;
  return { policy, prediction: predict(evidence), dmarc: { domain: author, policy: published, result } };
}

function resultAsItCame(
  author: string,
  policy: DomainPolicy,
  signatures: readonly ArrivedSignature[],
  spf: SpfFact | null,
  loggedIn: boolean,
): DmarcFact['result'] {
  if (policy.kind === 'unknown') return 'temperror';
  if (policy.kind === 'absent') return 'none';
  const client = spf && isAligned(spf.domain, author, policy.spf) ? spf.result : null;
  const own = signatures.filter(({ domain }) => isAligned(domain, author, policy.dkim));
  if (client === 'pass' || own.some(({ result }) => result === 'pass')) return 'pass';
  // A login is none of DMARC's identifiers, and better than any: nothing failed.
  if (loggedIn) return null;
  return client === 'temperror' || own.some(({ result }) => result === 'temperror') ? 'temperror' : 'fail';
}

/** RFC 7489 section 6.6.1: of several authors the one whose mail fares worst; of equals the first. */
function worse(a: Judged, b: Judged): Judged {
  return severity(b) > severity(a) ? b : a;
}

const STRENGTH = { absent: 0, none: 1, unknown: 2, quarantine: 3, reject: 4 } as const;

function severity({ policy, prediction }: Judged): number {
  const outcome = prediction.willPass === false ? 2 : prediction.willPass === null ? 1 : 0;
  const strength = STRENGTH[policy.kind === 'published' ? policy.policy : policy.kind];
  return outcome === 0 ? 0 : outcome + 4 * strength;
}

function withAlignment(signatures: readonly ArrivedSignature[], dmarc: DmarcFact, policy: DomainPolicy) {
  const mode = policy.kind === 'published' ? policy.dkim : 'relaxed';
  return signatures.map(signature => ({
    ...signature,
    aligned: dmarc.domain !== null && isAligned(signature.domain, dmarc.domain, mode),
  }));
}
