// The rows of a message that is about to be accepted.
import { addressKey } from '../src/mail/address.ts';
import { fieldValue, type Header } from '../src/mail/header.ts';
import type { MessageId, Submission } from '../src/mail/submission.ts';
import type { Acceptance, NewDelivery, RepeatKey } from '../src/store/accept.ts';
import type { Directives } from './control-headers/directives.ts';
import type { Handing } from './dispatch/hand-over.ts';
import type { Later } from './later.ts';
import { MAX_HEADER_FROM } from './routing/message-facts.ts';

export type Draft = {
  readonly submission: Submission;
  readonly header: Header;
  readonly directives: Directives;
  readonly messageId: MessageId;
  /** As the app gave it, or as we made it. */
  readonly internetMessageId: string;
  readonly traceHeader: string;
  readonly omitted: readonly number[];
  readonly authentication: object | null;
  readonly repeatKey: RepeatKey | null;
  readonly handing: Handing;
  /** Recipients whose delivery does not begin with the others', by number. */
  readonly waiting: ReadonlyMap<number, Later>;
  /** What was named as the time of the first attempt, or when it was accepted. */
  readonly beginsAt: number;
  readonly expiresAt: number;
  readonly now: number;
};

export function draftAcceptance(draft: Draft): Acceptance {
  const { submission, header, directives, handing, now } = draft;
  const { identity, envelope, content } = submission;
  return {
    message: {
      messageId: draft.messageId,
      tenantId: identity.tenantId,
      credentialId: identity.credentialId,
      credentialName: identity.credentialName,
      stream: submission.stream,
      reversePath: envelope.reversePath,
      ret: envelope.ret,
      envid: envelope.envid,
      body: envelope.body,
      smtpUtf8: envelope.smtpUtf8,
      internetMessageId: draft.internetMessageId,
      headerFrom: fieldValue(content, header, 'from', MAX_HEADER_FROM),
      subject: fieldValue(content, header, 'subject', 500),
      traceHeader: draft.traceHeader,
      remoteAddress: submission.session.remoteAddress,
      acceptedAt: new Date(now),
      expiresAt: new Date(draft.expiresAt),
      omitted: draft.omitted,
      tags: directives.tags,
      metadata: directives.metadata,
      track: directives.track,
      authentication: draft.authentication,
    },
    content,
    deliveries: draftDeliveries(draft),
    attempts: handing.kind === 'hand-over' ? handing.attempts : [],
    event: handing.kind === 'capture' ? 'captured' : 'accepted',
    repeatKey: draft.repeatKey,
  };
}

function draftDeliveries({ submission, handing, waiting, beginsAt, expiresAt, now }: Draft): NewDelivery[] {
  const beginning = beginningOf(handing, expiresAt - now);
  return submission.envelope.recipients.map(({ address, notify, orcpt }, n) => {
    const own = waiting.get(n);
    return {
      n,
      recipient: address,
      recipientKey: addressKey(address),
      notify: notify?.join(',') ?? null,
      orcpt,
      beginsInMs: beginsAt > now ? beginsAt - now : null,
      ...(own ? laterBeginning(own) : beginning),
    };
  });
}

type Beginning = Omit<NewDelivery, 'n' | 'recipient' | 'recipientKey' | 'notify' | 'orcpt' | 'beginsInMs'>;

const QUEUED: Beginning = {
  state: 'queued',
  attempt: 0,
  leaseHolder: null,
  dueInMs: 0,
  waitsFor: null,
  pinnedUpstream: null,
  reason: null,
  event: null,
};

/** How a delivery starts its life, by what the dispatcher said when it was asked. */
function beginningOf(handing: Handing, endsInMs: number): Beginning {
  switch (handing.kind) {
    case 'capture':
      return { ...QUEUED, state: 'captured', dueInMs: null, reason: 'capture-mode' };
    case 'wait':
    case 'queue':
      return QUEUED;
    case 'park':
      return {
        ...QUEUED,
        dueInMs: Math.min(handing.dueInMs, endsInMs),
        waitsFor: handing.route,
        reason: handing.reason,
      };
    case 'turn':
      return {
        ...QUEUED,
        ...{ dueInMs: Math.min(handing.dueInMs, endsInMs), waitsFor: handing.waitsFor, reason: handing.reason },
      };
    case 'hand-over':
      return {
        ...QUEUED,
        attempt: 1,
        leaseHolder: handing.holder,
        dueInMs: handing.leaseMs,
        pinnedUpstream: handing.choice.upstream.name,
      };
  }
}

function laterBeginning(later: Later): Beginning {
  return later.kind === 'held'
    ? { ...QUEUED, state: 'held', dueInMs: null, reason: later.reason, event: 'held' }
    : { ...QUEUED, dueInMs: later.inMs, reason: later.reason, event: later.event };
}
