// What is known about a submission before it is decided on: facts are gathered once, here, for `submit`, which acts on
// them, and for `explain`, which tells them.
import { type Address, domainOf } from '../src/mail/address.ts';
import { type Header, type HeaderField, scanHeader } from '../src/mail/header.ts';
import type { Identity, Mode, Submission } from '../src/mail/submission.ts';
import type { Clock } from '../src/platform/clock.ts';
import type { Examine } from './authentication/examine.ts';
import type { AuthenticationFacts } from './authentication/facts.ts';
import { objectToAuthentication } from './authentication/objection.ts';
import { forgedResults } from './authentication/results-field.ts';
import { type Directives, NO_DIRECTIVES } from './control-headers/directives.ts';
import { readControlHeaders } from './control-headers/read.ts';
import { judge, type SubmissionFacts, type Verdict } from './policy.ts';
import { objectToAuthor, readAuthors } from './sender.ts';
import type { KeyRing } from './signing/key-ring.ts';

export type AssessOptions = {
  readonly hostname: string;
  readonly maxMessageSize: number;
  /** There is no upstream: even a credential in live mode has its mail kept, or it would wait for ever. */
  readonly captureOnly: boolean;
  readonly keys: KeyRing;
  readonly examine: Examine;
  /** Of the return paths that are ours; null = mail leaves with the app's. */
  readonly returnPathDomain: string | null;
  /** Names of the upstreams that mail may leave through. */
  readonly upstreams: readonly string[];
  readonly clock: Clock;
};

export type Assessment = {
  readonly header: Header;
  readonly facts: SubmissionFacts;
  /** What the app asked for in control headers, if it may. */
  readonly directives: Directives;
  /** Fields of the content that do not leave the house, in their order. */
  readonly removals: readonly HeaderField[];
  /** Domains of the From field's addresses, in their order. */
  readonly authorDomains: readonly string[];
  /** null = not looked at: the credential does not want it, it is captured, it was refused before, the DNS is slow. */
  readonly authentication: AuthenticationFacts | null;
  readonly verdict: Verdict;
};

/** Mail is not held up for what is only noted; the answer of the DNS is there for the next message. */
const OBSERVE_MS = 1_000;

export type Assess = (submission: Submission) => Promise<Assessment>;

export function createAssess(options: AssessOptions): Assess {
  const { hostname, clock, keys, examine, upstreams } = options;

  return async submission => {
    const { content, identity } = submission;
    const header = scanHeader(content);
    const control = readControlHeaders(content, header, clock());
    const removals = inOrder(control.removals, forgedResults(content, header, hostname));
    const facts = gatherFacts(submission, header, options, identity.controlHeaders ? control.problem : null);
    const directives = identity.controlHeaders ? control.directives : NO_DIRECTIVES;
    const authors = readAuthors(content, header);
    const authorDomains = (authors ?? []).map(domainOf);
    const known = { header, facts, directives, removals, authorDomains };
    const verdict = judge(directives.drop ? { ...facts, mode: 'capture' } : facts);
    if (verdict.kind !== 'accept' || !isLookedAt(identity, verdict.mode)) {
      return { ...known, authentication: null, verdict };
    }
    const examination = examineSubmission(submission, known, authors);
    const authentication =
      identity.authentication === 'observe' ? await within(OBSERVE_MS, examination) : await examination;
    const objection = authentication && objectToAuthentication(authentication, identity.authentication);
    return { ...known, authentication, verdict: objection ?? verdict };
  };

  /** What stands in MAIL FROM when it leaves; upstreams that insist on their own are not told apart here. */
  function returnPathOf(reversePath: Address | null): { domain: string } | null {
    return reversePath === null ? null : { domain: options.returnPathDomain ?? domainOf(reversePath) };
  }

  async function examineSubmission(
    { content, envelope, session, identity }: Submission,
    { header, authorDomains, removals }: Pick<Assessment, 'header' | 'authorDomains' | 'removals'>,
    authors: readonly Address[] | null,
  ): Promise<AuthenticationFacts> {
    const signing = await keys.find(identity.tenantId, authorDomains);
    return examine({
      ...{ content, header, authors, envelope, session, upstreams },
      willSign: signing.slice(0, 1).map(({ domain }) => domain),
      returnPath: returnPathOf(envelope.reversePath),
      removedFields: removals.map(({ name }) => name),
    });
  }
}

/** Nobody receives what is captured; a laptop without a network should not wait for the DNS. */
function isLookedAt({ authentication }: Identity, mode: Mode): boolean {
  return authentication === 'enforce' || (authentication === 'observe' && mode === 'live');
}

/** null = it took too long. */
function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function gatherFacts(
  { content, identity }: Submission,
  header: Header,
  options: AssessOptions,
  controlObjection: string | null,
): SubmissionFacts {
  const received = header.fields.filter(field => field.name === 'received');
  const ours = Buffer.from(`by ${options.hostname} `);
  return {
    size: content.length,
    maxSize: options.maxMessageSize,
    mode: options.captureOnly ? 'capture' : identity.mode,
    hops: received.length,
    ownHops: received.filter(field => content.subarray(field.valueStart, field.end).includes(ours)).length,
    headerFields: header.fields.length,
    headerBytes: header.length,
    authorObjection: objectToAuthor(identity, content, header),
    controlObjection,
  };
}

/** Two lists, each in the order of the header and without a field in common. */
function inOrder(a: readonly HeaderField[], b: readonly HeaderField[]): readonly HeaderField[] {
  if (b.length === 0) return a;
  return a.length === 0 ? b : [...a, ...b].sort((x, y) => x.start - y.start);
}
