// The only way in. Facts, verdict, one commit shared with whoever finished at the same time, and only then the word
// that the message is ours; a message whose route is free goes straight to the dispatcher, in memory.
import { NO_DIRECTIVES } from '../src/mail/directives.ts';
import { fieldValue, type Header, scanHeader } from '../src/mail/header.ts';
import { type Reply, reply } from '../src/mail/reply.ts';
import type { MessageId, Mode, Submission } from '../src/mail/submission.ts';
import { Batch } from '../src/platform/batch.ts';
import type { Clock } from '../src/platform/clock.ts';
import { newId } from '../src/platform/id.ts';
import type { Logger } from '../src/platform/log.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import { isDataError, isOutOfSpace, type Pool } from '../src/platform/postgres.ts';
import { type Acceptance, type AcceptResult, acceptMessages, type SuppressedRecipient } from '../src/store/accept.ts';
import type { Handing, HandOver } from './dispatch/hand-over.ts';
import { draftAcceptance, type Later } from './draft.ts';
import { judge, type SubmissionFacts } from './policy.ts';
import { repeatKeyOf } from './repeat.ts';
import { objectToAuthor } from './sender.ts';
import { endOfTrace, madeMessageId, traceFields } from './transforms.ts';

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
  /** How long a Message-ID is remembered, so that what comes twice leaves once; null = not at all. */
  readonly repeatWindowMs: number | null;
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
  const batch = new Batch<Acceptance, AcceptResult>({
    write: items => acceptMessages(pool, items),
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

    const later: ReadonlyMap<number, Later> = new Map();
    const handing = handingOf(submission, verdict.mode, later);
    let acceptance: Acceptance;
    let result: AcceptResult;
    try {
      acceptance = draft(submission, header, handing, later);
      result = await batch.add(acceptance);
    } catch (error) {
      handOver.cancel(handing, submission.content.length);
      return unable(submission, error);
    }
    if (result.kind === 'repeated') {
      handOver.cancel(handing, submission.content.length);
      return repeated(submission, result);
    }
    const absent = new Set([...later.keys(), ...result.suppressed.map(({ n }) => n)]);
    handOver.accepted(handing, acceptance, submission.envelope, absent);
    metrics.acceptSeconds.observe((performance.now() - startedAt) / 1_000);
    announce(submission, acceptance, result.suppressed);
    return { kind: 'accepted', messageId: acceptance.message.messageId };
  };

  /** A message of which nothing is to be sent now takes no place at an upstream. */
  function handingOf({ envelope, content }: Submission, mode: Mode, later: ReadonlyMap<number, Later>): Handing {
    if (mode === 'capture') return { kind: 'capture' };
    return later.size < envelope.recipients.length ? handOver.reserve(content.length) : { kind: 'wait' };
  }

  function draft(
    submission: Submission,
    header: Header,
    handing: Handing,
    later: ReadonlyMap<number, Later>,
  ): Acceptance {
    const { hostname, maxAgeMs, repeatWindowMs } = options;
    const now = clock();
    const messageId = newId(now) as MessageId;
    const given = givenMessageId(submission.content, header);
    const internetMessageId = given ?? madeMessageId(messageId, hostname);
    const fields = traceFields({ submission, header, messageId, internetMessageId, hostname, now });
    return draftAcceptance({
      ...{ submission, header, directives: NO_DIRECTIVES, messageId, internetMessageId, handing, later, now },
      traceHeader: fields + endOfTrace(header),
      omitted: [],
      authentication: null,
      repeatKey: repeatKeyOf(submission.identity, submission.envelope, {
        internetMessageId: given,
        idempotencyKey: null,
        windowMs: repeatWindowMs,
      }),
      expiresAt: now + maxAgeMs,
    });
  }

  /** Told to the app as the success that it is, unless the app used one key for two messages. */
  function repeated(submission: Submission, { messageId, sameEnvelope }: AcceptResult & { kind: 'repeated' }) {
    if (!sameEnvelope) {
      const text = `Idempotency key was used already, for ${messageId} to other recipients`;
      return refuse(submission, 'rejected', { reply: reply(550, '5.6.0', text), rule: 'idempotency-key-reused' });
    }
    metrics.repeated.inc();
    log.info({ event: 'repeated', messageId, ...about(submission) }, 'repeated');
    return { kind: 'accepted', messageId } as const;
  }

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
    const { messageId } = message;
    for (const { n, reason } of suppressed) {
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

function givenMessageId(content: Buffer, header: Header): string | null {
  return fieldValue(content, header, 'message-id', MAX_INTERNET_MESSAGE_ID)?.replace(/^<|>$/g, '') ?? null;
}
