// What a message is dressed in before it leaves: what we found out about it, our signatures, our trace; and without the
// fields that were meant for us. Made once, when it is accepted, so that every attempt sends the same bytes.
import { bodyOf } from '../src/mail/header.ts';
import { omittedRanges, outgoingParts } from '../src/mail/outgoing.ts';
import type { MessageId, Submission } from '../src/mail/submission.ts';
import type { Assessment } from './assess.ts';
import { authenticationResults } from './authentication/results-field.ts';
import type { Signer } from './signing/signer.ts';
import { endOfTrace, missingFields, receivedField } from './transforms.ts';

export type Outgoing = {
  /** Complete fields to put in front of the content. */
  readonly traceHeader: string;
  /** Ranges of the content that stay here. */
  readonly omitted: readonly number[];
};

export type DressOptions = {
  readonly messageId: MessageId;
  readonly internetMessageId: string;
  readonly hostname: string;
  readonly now: number;
};

/** Throws `SealError` when keys are there and do not open. */
export async function dress(
  submission: Submission,
  assessment: Assessment,
  signer: Signer,
  options: DressOptions,
): Promise<Outgoing> {
  const { header, authentication, removals } = assessment;
  const omitted = omittedRanges(removals);
  const missing = missingFields(header, options);
  const signatures = await sign(submission, assessment, signer, missing, omitted);
  const results = authentication ? authenticationResults(authentication, options.hostname) : '';
  const received = receivedField(submission, options);
  return { traceHeader: results + signatures + received + missing + endOfTrace(header), omitted };
}

async function sign(
  { content, identity }: Submission,
  assessment: Assessment,
  signer: Signer,
  missing: string,
  omitted: readonly number[],
): Promise<string> {
  const { header, authorDomains, authentication } = assessment;
  if (!isSignable(assessment)) return '';
  return signer.sign(identity.tenantId, authorDomains, {
    header: outgoingParts(missing, content.subarray(0, header.length), omitted),
    body: bodyOf(content, header),
    alreadySigned: validSigners(authentication),
  });
}

/** What a message will be signed with, without doing so. Throws as `dress` does. */
export async function signingKeys({ identity }: Submission, assessment: Assessment, signer: Signer) {
  const { authorDomains, authentication } = assessment;
  return isSignable(assessment) ? signer.keysFor(identity.tenantId, authorDomains, validSigners(authentication)) : [];
}

/** Readers differ in where any other header ends, and so in what the signature would be of. */
function isSignable({ header }: Assessment): boolean {
  return header.endsWell;
}

/** A signature that will not outlive our own changes is no reason to leave ours out. */
function validSigners(authentication: Assessment['authentication']): string[] {
  const valid = authentication?.dkim.filter(({ result, survives }) => result === 'pass' && survives) ?? [];
  return valid.map(({ domain }) => domain);
}
