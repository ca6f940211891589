// What would be said to a submission, and why: the same checks as at the door, all of them and not only up to the first
// objection, with the facts that they looked at. Nothing is stored, charged or sent.
import { type Address, domainOf } from '../src/mail/address.ts';
import { type Reply, reply } from '../src/mail/reply.ts';
import type { Identity, Stream, Submission } from '../src/mail/submission.ts';
import type { Admission } from './admission.ts';
import type { Assess, Assessment } from './assess.ts';
import type { AuthenticationFacts } from './authentication/facts.ts';
import { objectToAuthentication } from './authentication/objection.ts';
import type { Directives } from './control-headers/directives.ts';
import { CHECKS, type Objection } from './policy.ts';
import type { Quotas, Remaining } from './quota/index.ts';
import { objectToSender } from './sender.ts';
import type { KeyRing } from './signing/key-ring.ts';

export type ExplainOptions = {
  readonly assess: Assess;
  readonly admission: Admission;
  readonly quotas: Quotas;
  readonly keys: KeyRing;
  /** Why the address is not mailed, or null. */
  readonly suppressionOf: (identity: Identity, stream: Stream, address: Address) => Promise<string | null>;
  /** Names of the upstreams, in order of preference. */
  readonly upstreams: readonly string[];
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

export type RecipientFate = {
  readonly recipient: Address;
  readonly fate: 'deliver' | 'capture' | 'suppressed' | 'refused';
  readonly why: string | null;
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
  /** Upstreams in the order in which they are tried; empty = it is kept. */
  readonly route: readonly string[];
  /** The reply that decides it, and the command that gets it. */
  readonly answer: { readonly command: Command; readonly reply: Reply; readonly rule: string | null };
};

export type Explain = (submission: Submission) => Promise<Explanation>;

export function createExplain(options: ExplainOptions): Explain {
  return async submission => {
    const assessment = await options.assess(submission);
    const stream = assessment.directives.stream ?? submission.stream;
    const recipients = await fatesOf(options, submission, stream, assessment);
    const steps = [
      ...(await mailSteps(options, submission)),
      ...(await recipientSteps(options, submission)),
      ...dataSteps(submission, assessment),
    ];
    const { identity, envelope } = submission;
    const isLive = recipients.some(({ fate }) => fate === 'deliver');
    const signing = await options.keys.find(identity.tenantId, assessment.authorDomains);
    return {
      credential: identity.credentialName,
      mode: assessment.verdict.kind === 'accept' ? assessment.verdict.mode : assessment.facts.mode,
      ...{ stream, steps, recipients },
      quotas: await options.quotas.remaining(identity, stream, domainsOf(envelope.recipients)),
      directives: assessment.directives,
      authentication: assessment.authentication,
      signatures: signing.map(({ domain, selector, algorithm }) => ({ domain, selector, algorithm })),
      route: isLive ? options.upstreams : [],
      answer: answerOf(steps, envelope.recipients.length),
    };
  };
}

async function mailSteps({ admission }: ExplainOptions, { identity, envelope }: Submission): Promise<Step[]> {
  const { reversePath } = envelope;
  const foreign = objectToSender(identity, reversePath);
  const overQuota = await admission.objectToMail(identity);
  const allowed = identity.fromDomains.length === 0 ? 'any sender' : identity.fromDomains.join(', ');
  return [
    step('MAIL', 'envelope sender', `<${reversePath ?? ''}>; allowed: ${allowed}`, foreign, 'sender-not-authorised'),
    step('MAIL', 'quota', quotaWords(identity), overQuota, 'over-quota'),
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

function dataSteps({ identity }: Submission, { facts, authentication }: Assessment): Step[] {
  const checks = CHECKS.map(({ name, object, describe }) => objected('DATA', name, describe(facts), object(facts)));
  if (!authentication) {
    const said =
      identity.authentication === 'off'
        ? 'off for this credential'
        : 'not looked at: captured or refused before, or the DNS is slow';
    return [...checks, step('DATA', 'authentication', said, null, '')];
  }
  const objection = objectToAuthentication(authentication, identity.authentication);
  return [...checks, objected('DATA', 'authentication', authentication.prediction.consequence, objection)];
}

function objected(command: Command, name: string, said: string, objection: Objection | null): Step {
  return step(command, name, said, objection?.reply ?? null, objection?.rule ?? '');
}

function step(command: Command, name: string, said: string, answer: Reply | null, rule: string): Step {
  return { command, name, said, objection: answer === null ? null : { reply: answer, rule } };
}

async function fatesOf(
  { suppressionOf }: ExplainOptions,
  { identity, envelope }: Submission,
  stream: Stream,
  { facts, directives }: Assessment,
): Promise<RecipientFate[]> {
  const isCaptured = facts.mode === 'capture' || directives.drop;
  const fates: RecipientFate[] = [];
  for (const { address: recipient } of envelope.recipients) {
    const why = isCaptured ? null : await suppressionOf(identity, stream, recipient);
    if (why === null) fates.push({ recipient, fate: isCaptured ? 'capture' : 'deliver', why });
    else fates.push({ recipient, fate: identity.onSuppressed === 'reject' ? 'refused' : 'suppressed', why });
  }
  return fates;
}

/** A refused recipient ends the matter only where it was the last one. */
function answerOf(steps: readonly Step[], recipients: number): Explanation['answer'] {
  const refused = steps.filter(({ command, objection }) => command === 'RCPT' && objection !== null).length;
  const decisive = steps.find(
    ({ command, objection }) => objection !== null && (command !== 'RCPT' || refused === recipients),
  );
  if (decisive) return { command: decisive.command, ...decisive.objection! };
  return { command: 'DATA', reply: reply(250, '2.6.0', 'queued as <id>'), rule: null };
}

function domainsOf(recipients: readonly { readonly address: Address }[]): string[] {
  return recipients.map(({ address }) => domainOf(address));
}
