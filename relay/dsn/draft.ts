// A notification as a message of ours: to the reverse-path, from `<>`, so that nothing is ever told of it in turn.
import { type Address, addressKey, domainOf } from '../../src/mail/address.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { outgoingParts } from '../../src/mail/outgoing.ts';
import type { MessageId } from '../../src/mail/submission.ts';
import type { Acceptance } from '../../src/store/accept.ts';
import type { Tellable } from '../../src/store/dsns.ts';
import type { Signer } from '../signing/signer.ts';
import { formatDate, madeMessageId } from '../transforms.ts';
import { buildReport, type Report } from './report.ts';
import { type Facts, statusOf } from './status.ts';
import type { DsnKind, TellableKind } from './wanted.ts';

export type Notification = {
  readonly kind: DsnKind;
  /** Recipients of one message. */
  readonly about: readonly Tellable[];
  /** The beginning of its content, or all of it. */
  readonly content: Buffer;
};

export type DraftOptions = {
  readonly hostname: string;
  readonly from: Address;
  readonly maxAgeMs: number;
  readonly signer: Signer;
};

/** Throws `SealError` when keys are there and do not open. */
export async function draftNotification(
  notification: Notification,
  messageId: MessageId,
  now: number,
  options: DraftOptions,
): Promise<Acceptance> {
  const { hostname } = options;
  const internetMessageId = madeMessageId(messageId, hostname);
  const report = reportOf(notification, messageId, internetMessageId, now, options);
  const first = notification.about[0]!;
  const signatures = await sign(first.tenantId, report.content, options);
  const received = `Received: by ${hostname} id ${messageId};\r\n\t${formatDate(now)}\r\n`;
  return {
    message: {
      ...{ messageId, tenantId: first.tenantId, credentialId: first.credentialId },
      ...{ credentialName: first.credentialName, stream: 'transactional', reversePath: null, ret: null, envid: null },
      ...{ body: report.body, smtpUtf8: report.smtpUtf8, internetMessageId, headerFrom: report.headerFrom },
      ...{ subject: report.subject, traceHeader: signatures + received, remoteAddress: 'postern' },
      ...{ acceptedAt: new Date(now), expiresAt: new Date(now + options.maxAgeMs) },
      ...{ omitted: [], tags: [], metadata: null, track: null, authentication: null },
    },
    content: report.content,
    deliveries: [
      {
        ...{ n: 0, recipient: first.reversePath, recipientKey: addressKey(first.reversePath), notify: 'NEVER' },
        ...{ orcpt: null, state: 'queued', attempt: 0, leaseHolder: null, dueInMs: 0, beginsInMs: null },
        ...{ waitsFor: null, pinnedUpstream: null, reason: null, event: null },
      },
    ],
    ...{ attempts: [], event: 'accepted', repeatKey: null },
  };
}

function reportOf(
  { kind, about, content }: Notification,
  messageId: MessageId,
  internetMessageId: string,
  now: number,
  { hostname, from }: DraftOptions,
): Report {
  const first = about[0]!;
  const { reversePath, envid, smtpUtf8, subject, acceptedAt, traceHeader, omitted, size } = first;
  return buildReport({
    ...{ kind, from, hostname, messageId, internetMessageId, now },
    recipients: about.map(one => statusOf(factsOf(one))),
    original: {
      ...{ messageId: first.messageId, internetMessageId: first.internetMessageId },
      ...{ reversePath, envid, smtpUtf8, subject, acceptedAt },
      bytes: Buffer.concat(outgoingParts(traceHeader, content, omitted)),
      isWhole: content.length === size,
    },
    // RFC 3461 section 4.3: RET= is about failures; of the others, the header is enough.
    returnsAll: kind === 'failure' && first.ret === 'FULL',
  });
}

function factsOf(one: Tellable): Facts {
  const { recipient, orcpt, reason, expiresAt, attemptedAt } = one;
  const { smtpCode, enhancedStatus, detail, remoteAddress } = one;
  const { reportedAction: action, reportedStatus: status, reportedSaid: said } = one;
  return {
    ...{ event: one.kind as TellableKind, recipient, orcpt, reason, expiresAt },
    attempt: attemptedAt === null ? null : { smtpCode, enhancedStatus, detail, remoteAddress, at: attemptedAt },
    reported: action === null ? null : { action, status, said },
  };
}

/** Mail from `<>` passes DMARC by its signature alone. */
function sign(tenantId: string, content: Buffer, { signer, from }: DraftOptions): Promise<string> {
  const { length } = scanHeader(content);
  const header = [content.subarray(0, length)];
  return signer.sign(tenantId, [domainOf(from)], { header, body: content.subarray(length + 2), alreadySigned: [] });
}
