// The only way in. Facts, verdict, one commit shared with whoever finished at the same time, and only then the word
// that the message is ours; a message whose route is free goes straight to the dispatcher, in memory.
import { addressKey } from '../src/mail/address.ts';
import { fieldValue, type Header, scanHeader } from '../src/mail/header.ts';
import { type Reply, reply } from '../src/mail/reply.ts';
import type { MessageId, Submission } from '../src/mail/submission.ts';
import { Batch } from '../src/platform/batch.ts';
import type { Clock } from '../src/platform/clock.ts';
import { newId } from '../src/platform/id.ts';
import type { Logger } from '../src/platform/log.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import { isDataError, isOutOfSpace, type Pool } from '../src/platform/postgres.ts';
import { type Acceptance, insertAccepted, type NewDelivery, type SuppressedRecipient } from '../src/store/accept.ts';
import type { Handing, HandOver } from './dispatch/hand-over.ts';
import { judge, type SubmissionFacts } from './policy.ts';
import { objectToAuthor } from './sender.ts';
import { madeMessageId, traceHeader } from './transforms.ts';

export type SubmitResult =
  | { readonly kind: 'accepted'; readonly messageId: MessageId }
  | { readonly kind: 'rejected'; readonly reply: Reply; readonly rule: string }
  | { readonly kind: 'deferred'; readonly reply: Reply; readonly rule: string };

export type Submit = (submission: Submission) => Promise<SubmitResult>;

export type SubmitOptions = {
  readonly pool: Pool;
  readonly handOver: HandOver;
  readonly hostname: string;
  readonly maxMessageSize: number;
  readonly maxAgeMs: number;
  /** There is no upstream: even a credential in live mode has its mail kept, or it would wait for ever. */
  readonly captureOnly: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** A batch holds up those behind it; and large contents are better not copied together. */
const MAX_BATCH_ITEMS = 200;
const MAX_BATCH_BYTES = 1_000_000;
/** What a recipient counts for: at 0.09 ms each, a hundred messages to a thousand would hold everybody up for 9 s. */
const DELIVERY_BYTES = 500;
/** In characters of three bytes at most: an index row of PostgreSQL holds 2,704. */
const MAX_INTERNET_MESSAGE_ID = 800;

export function createSubmit(options: SubmitOptions): Submit {
  const { pool, handOver, clock, log, metrics } = options;
  const batch = new Batch<Acceptance, readonly SuppressedRecipient[]>({
    write: async items => {
      const suppressed = await insertAccepted(pool, items);
      return items.map(({ message }) => suppressed.filter(({ messageId }) => messageId === message.messageId));
    },
    maxItems: MAX_BATCH_ITEMS,
    maxBytes: MAX_BATCH_BYTES,
    bytesOf: item => item.content.length + item.deliveries.length * DELIVERY_BYTES,
    isOneItemsFault: isDataError,
  });

  return async submission => {
    const startedAt = performance.now();
    const header = scanHeader(submission.content);
    const verdict = judge(gatherFacts(submission, header, options));
    if (verdict.kind !== 'accept')
      return refuse(submission, verdict.kind === 'reject' ? 'rejected' : 'deferred', verdict);

    const handing: Handing =
      verdict.mode === 'capture' ? { kind: 'capture' } : handOver.reserve(submission.content.length);
    let acceptance: Acceptance;
    let suppressed: readonly SuppressedRecipient[];
    try {
      acceptance = draft(submission, header, handing, options, clock());
      suppressed = await batch.add(acceptance);
    } catch (error) {
      handOver.cancel(handing, submission.content.length);
      return unable(submission, error);
    }
    handOver.accepted(handing, acceptance, submission.envelope, new Set(suppressed.map(({ n }) => n)));
    metrics.acceptSeconds.observe((performance.now() - startedAt) / 1_000);
    announce(submission, acceptance, suppressed);
    return { kind: 'accepted', messageId: acceptance.message.messageId };
  };

  function refuse(
    submission: Submission,
    kind: 'rejected' | 'deferred',
    why: { reply: Reply; rule: string },
  ): SubmitResult {
    metrics.refused.inc({ rule: why.rule });
    const { code, enhanced, text } = why.reply;
    log.info({ ...about(submission), rule: why.rule, smtpCode: code, enhancedStatus: enhanced, smtpText: text }, kind);
    return { kind, reply: why.reply, rule: why.rule };
  }

  /** Whatever the database says, the app keeps its message and tries again. */
  function unable(submission: Submission, error: unknown): SubmitResult {
    log.error({ ...about(submission), err: error }, 'message not stored');
    return isOutOfSpace(error)
      ? refuse(submission, 'deferred', {
          reply: reply(452, '4.3.1', 'Insufficient system storage'),
          rule: 'storage-full',
        })
      : refuse(submission, 'deferred', {
          reply: reply(451, '4.3.0', 'Temporary failure, try again later'),
          rule: 'storage-unavailable',
        });
  }

  function announce(
    submission: Submission,
    { message, deliveries, event }: Acceptance,
    suppressed: readonly SuppressedRecipient[],
  ): void {
    metrics.accepted.inc({ mode: event === 'captured' ? 'capture' : 'live' });
    log.info(
      {
        event,
        messageId: message.messageId,
        internetMessageId: message.internetMessageId,
        ...about(submission),
        recipients: deliveries.length,
        size: submission.content.length,
      },
      event,
    );
    for (const { messageId, n, reason } of suppressed) {
      metrics.settled.inc({ state: 'suppressed' });
      log.info({ event: 'suppressed', messageId, deliveryId: `${messageId}.${n}`, reason }, 'suppressed');
    }
  }
}

function about({ identity, stream, session }: Submission) {
  return { identity: identity.credentialName, stream, remoteAddress: session.remoteAddress };
}

function gatherFacts(submission: Submission, header: Header, options: SubmitOptions): SubmissionFacts {
  const received = header.fields.filter(field => field.name === 'received');
  const ours = Buffer.from(`by ${options.hostname} `);
  return {
    size: submission.content.length,
    maxSize: options.maxMessageSize,
    mode: options.captureOnly ? 'capture' : submission.identity.mode,
    hops: received.length,
    ownHops: received.filter(field => submission.content.subarray(field.valueStart, field.end).includes(ours)).length,
    headerFields: header.fields.length,
    headerBytes: header.length,
    authorObjection: objectToAuthor(submission.identity, submission.content, header),
  };
}

function draft(
  submission: Submission,
  header: Header,
  handing: Handing,
  options: SubmitOptions,
  now: number,
): Acceptance {
  const { identity, envelope, content } = submission;
  const messageId = newId(now) as MessageId;
  return {
    message: {
      messageId,
      tenantId: identity.tenantId,
      credentialId: identity.credentialId,
      credentialName: identity.credentialName,
      stream: submission.stream,
      reversePath: envelope.reversePath,
      ret: envelope.ret,
      envid: envelope.envid,
      body: envelope.body,
      smtpUtf8: envelope.smtpUtf8,
      internetMessageId:
        fieldValue(content, header, 'message-id', MAX_INTERNET_MESSAGE_ID)?.replace(/^<|>$/g, '') ??
        madeMessageId(messageId, options.hostname),
      headerFrom: fieldValue(content, header, 'from', 320),
      subject: fieldValue(content, header, 'subject', 500),
      traceHeader: traceHeader({ submission, header, messageId, hostname: options.hostname, now }),
      remoteAddress: submission.session.remoteAddress,
      acceptedAt: new Date(now),
      expiresAt: new Date(now + options.maxAgeMs),
    },
    content,
    deliveries: draftDeliveries(submission, handing),
    attempts: handing.kind === 'hand-over' ? handing.attempts : [],
    event: handing.kind === 'capture' ? 'captured' : 'accepted',
  };
}

function draftDeliveries({ envelope }: Submission, handing: Handing): NewDelivery[] {
  const beginning = beginningOf(handing);
  return envelope.recipients.map(({ address, notify, orcpt }, n) => ({
    n,
    recipient: address,
    recipientKey: addressKey(address),
    notify: notify?.join(',') ?? null,
    orcpt,
    ...beginning,
  }));
}

type Beginning = Pick<
  NewDelivery,
  'state' | 'attempt' | 'leaseHolder' | 'dueInMs' | 'parked' | 'pinnedUpstream' | 'reason'
>;

/** How a delivery starts its life, by what the dispatcher said when it was asked. */
function beginningOf(handing: Handing): Beginning {
  const queued = {
    state: 'queued',
    attempt: 0,
    leaseHolder: null,
    dueInMs: 0,
    parked: false,
    pinnedUpstream: null,
    reason: null,
  } as const;
  switch (handing.kind) {
    case 'capture':
      return { ...queued, state: 'captured', dueInMs: null, reason: 'capture-mode' };
    case 'queue':
      return queued;
    case 'park':
      return { ...queued, dueInMs: handing.dueInMs, parked: true, reason: handing.reason };
    case 'hand-over':
      return {
        ...queued,
        attempt: 1,
        leaseHolder: handing.holder,
        dueInMs: handing.leaseMs,
        pinnedUpstream: handing.upstream,
      };
  }
}
