// What would be said to a submission, and why: the same checks as at the door, all of them and not only up to the first
// objection, with the facts that they looked at. Nothing is stored, charged or sent.
import { type Address, domainOf } from '../src/mail/address.ts';
import type { Envelope } from '../src/mail/envelope.ts';
import { type Reply, reply } from '../src/mail/reply.ts';
import type { Identity, Stream, Submission } from '../src/mail/submission.ts';
import type { RouteGroups } from '../src/platform/route-rules.ts';
import type { Admission } from './admission.ts';
import type { Assess, Assessment } from './assess.ts';
import type { AuthenticationFacts } from './authentication/facts.ts';
import { objectToAuthentication } from './authentication/objection.ts';
import type { Directives } from './control-headers/directives.ts';
import { overQuota } from './later.ts';
import { malformed } from './malformed.ts';
import { signingKeys } from './outgoing.ts';
import { fatesOf, lookAhead, type Outlook, type OutlookOptions, type RecipientFate } from './outlook.ts';
import { CHECKS, type Objection } from './policy.ts';
import type { Remaining } from './quota/index.ts';
import { keyReused } from './repeat.ts';
import { messageFacts } from './routing/message-facts.ts';
import type { Router } from './routing/router.ts';
import { objectToSender } from './sender.ts';
import type { Signer } from './signing/signer.ts';

export type ExplainOptions = OutlookOptions & {
  readonly assess: Assess;
  readonly admission: Admission;
  readonly signer: Signer;
  readonly router: Router;
};

/** A command of the session, as its reply would be. */
export type Command = 'MAIL' | 'RCPT' | 'DATA';

export type Step = {
  readonly command: Command;
  readonly name: string;
  /** What was looked at, for people. */
  readonly said: string;
  /** null = nothing to object. */
  readonly objection: { readonly reply: Reply; readonly rule: string } | null;
};

export type Explanation = {
  readonly credential: string;
  readonly mode: 'live' | 'capture';
  readonly stream: Stream;
  readonly steps: readonly Step[];
  readonly recipients: readonly RecipientFate[];
  readonly quotas: readonly Remaining[];
  readonly directives: Directives;
  readonly authentication: AuthenticationFacts | null;
  readonly signatures: readonly { readonly domain: string; readonly selector: string; readonly algorithm: string }[];
  /** By rule, the groups of upstreams that are tried one after the other, and for whom; empty = it is kept. */
  readonly routes: readonly {
    readonly rule: string;
    readonly to: RouteGroups;
    readonly recipients: readonly Address[];
  }[];
  /** The reply that decides it, and the command that gets it. */
  readonly answer: { readonly command: Command; readonly reply: Reply; readonly rule: string | null };
};

export type Explain = (submission: Submission) => Promise<Explanation>;

export function createExplain(options: ExplainOptions): Explain {
  return async submitted => {
    const asked = await recipientSteps(options, submitted);
    const envelope = withoutRefused(submitted.envelope, asked);
    const assessment = await options.assess({ ...submitted, envelope });
    const stream = assessment.directives.stream ?? submitted.stream;
    const submission = { ...submitted, envelope, stream };
    const { identity } = submission;
    const outlook = await lookAhead(options, submission, assessment);
    const steps = [...(await mailSteps(options, submission)), ...asked, ...dataSteps(submission, assessment, outlook)];
    const recipients = [
      ...refusedOf(submitted.envelope, asked),
      ...(await fatesOf(options, submission, assessment, outlook)),
    ];
    const isLive = recipients.some(({ fate }) => fate === 'deliver' || fate === 'later' || fate === 'held');
    const signing = isLive ? await signingKeys(submission, assessment, options.signer) : [];
    return {
      credential: identity.credentialName,
      mode: assessment.verdict.kind === 'accept' ? assessment.verdict.mode : assessment.facts.mode,
      ...{ stream, steps, recipients },
      quotas: await options.quotas.remaining(identity, stream, domainsOf(envelope.recipients)),
      directives: assessment.directives,
      authentication: assessment.authentication,
      signatures: signing.map(({ domain, selector, algorithm }) => ({ domain, selector, algorithm })),
      routes: isLive ? routesOf(options.router, submission, assessment) : [],
      answer: answerOf(steps, submitted.envelope.recipients.length, outlook),
    };
  };
}

function routesOf(router: Router, submission: Submission, { header, directives }: Assessment): Explanation['routes'] {
  const addresses = submission.envelope.recipients.map(({ address }) => address);
  const { rules } = router;
  return router.split(messageFacts(submission, header, directives), addresses).map(({ route, indexes }) => ({
    rule: route.name,
    to: rules.find(({ name }) => name === route.name)!.to,
    recipients: indexes.map(index => addresses[index]!),
  }));
}

async function mailSteps({ admission }: ExplainOptions, { identity, envelope }: Submission): Promise<Step[]> {
  const { reversePath } = envelope;
  const foreign = objectToSender(identity, reversePath);
  const usedUp = await admission.objectToMail(identity);
  const allowed = identity.fromDomains.length === 0 ? 'any sender' : identity.fromDomains.join(', ');
  return [
    step('MAIL', 'envelope sender', `<${reversePath ?? ''}>; allowed: ${allowed}`, foreign, 'sender-not-authorised'),
    step('MAIL', 'quota', quotaWords(identity), usedUp, 'over-quota'),
  ];
}

function quotaWords({ overQuota }: Identity): string {
  switch (overQuota) {
    case 'defer':
      return 'beyond it, mail is taken and waits for its turn';
    case 'hold':
      return 'beyond it, mail is taken and held';
    case 'reject':
      return 'beyond it, mail is refused';
  }
}

async function recipientSteps({ admission }: ExplainOptions, { identity, envelope }: Submission): Promise<Step[]> {
  const steps: Step[] = [];
  for (const { address } of envelope.recipients) {
    const objection = await admission.objectToRecipient(identity, address);
    steps.push(step('RCPT', 'recipient', `<${address}>`, objection, 'recipient-suppressed'));
  }
  return steps;
}

function dataSteps(submission: Submission, assessment: Assessment, outlook: Outlook | null): Step[] {
  const { facts } = assessment;
  const odd = facts.size > facts.maxSize ? null : malformed(submission.content);
  return [
    objected('DATA', 'line ends', odd?.reply.text ?? 'CRLF only, no NUL, no endless line', odd),
    ...CHECKS.map(({ name, object, describe }) => objected('DATA', name, describe(facts), object(facts))),
    authenticationStep(submission, assessment),
    ...(outlook ? [quotaStep(outlook), repeatStep(outlook)] : []),
  ];
}

function authenticationStep({ identity }: Submission, { authentication, verdict }: Assessment): Step {
  if (!authentication) return step('DATA', 'authentication', notExamined(identity, verdict), null, '');
  const objection = objectToAuthentication(authentication, identity.authentication);
  return objected('DATA', 'authentication', authentication.prediction.consequence, objection);
}

/** Of all of it, to everybody that it names: at MAIL nobody knew. */
function quotaStep({ charge }: Outlook): Step {
  if (charge?.kind === 'reject') return objected('DATA', 'quota', charge.quota, overQuota(charge));
  const waits = charge?.kind === 'hold' ? charge.quota : (charge?.delayedBy ?? null);
  const said = waits === null ? 'room for it now' : `no room for it now in ${waits}`;
  return step('DATA', 'quota', charge === null ? 'none is charged' : said, null, '');
}

function repeatStep({ repeated }: Outlook): Step {
  if (repeated === null) return step('DATA', 'repeat', 'not taken before', null, '');
  const said = `taken before, as ${repeated.messageId}`;
  return objected('DATA', 'repeat', said, repeated.sameEnvelope ? null : keyReused(repeated.messageId));
}

function notExamined({ authentication }: Identity, verdict: Assessment['verdict']): string {
  if (authentication === 'off') return 'off for this credential';
  if (verdict.kind !== 'accept') return 'not looked at: refused before';
  return verdict.mode === 'capture' ? 'not looked at: it is captured' : 'not looked at: the DNS is slow';
}

function objected(command: Command, name: string, said: string, objection: Objection | null): Step {
  return step(command, name, said, objection?.reply ?? null, objection?.rule ?? '');
}

function step(command: Command, name: string, said: string, answer: Reply | null, rule: string): Step {
  return { command, name, said, objection: answer === null ? null : { reply: answer, rule } };
}

/** Those that get as far as DATA; `asked` has a step for each. */
function withoutRefused(envelope: Envelope, asked: readonly Step[]): Envelope {
  return { ...envelope, recipients: envelope.recipients.filter((_, n) => asked[n]!.objection === null) };
}

function refusedOf({ recipients }: Envelope, asked: readonly Step[]): RecipientFate[] {
  return recipients.flatMap(({ address: recipient }, n) => {
    const objection = asked[n]!.objection;
    return objection ? { recipient, fate: 'refused' as const, why: objection.reply.text } : [];
  });
}

/** A refused recipient ends the matter only where it was the last one. */
function answerOf(steps: readonly Step[], recipients: number, outlook: Outlook | null): Explanation['answer'] {
  const refused = steps.filter(({ command, objection }) => command === 'RCPT' && objection !== null).length;
  const decisive = steps.find(
    ({ command, objection }) => objection !== null && (command !== 'RCPT' || refused === recipients),
  );
  if (decisive) return { command: decisive.command, ...decisive.objection! };
  const text = `queued as ${outlook?.repeated?.messageId ?? '<id>'}`;
  return { command: 'DATA', reply: reply(250, '2.6.0', text), rule: null };
}

function domainsOf(recipients: readonly { readonly address: Address }[]): string[] {
  return recipients.map(({ address }) => domainOf(address));
}
