// The only way in. Facts, verdict, one commit shared with whoever finished at the same time, and only then the word
// that the message is ours; a message whose route is free goes straight to the dispatcher, in memory.
import { domainOf } from '../src/mail/address.ts';
import { type Reply, reply } from '../src/mail/reply.ts';
import type { MessageId, Mode, Submission } from '../src/mail/submission.ts';
import { Batch } from '../src/platform/batch.ts';
import type { Clock } from '../src/platform/clock.ts';
import { newId } from '../src/platform/id.ts';
import type { Logger } from '../src/platform/log.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import { isDataError, isOutOfSpace, type Pool } from '../src/platform/postgres.ts';
import { SealError } from '../src/platform/sealing.ts';
import { type Acceptance, type AcceptResult, acceptMessages, type SuppressedRecipient } from '../src/store/accept.ts';
import type { Assess, Assessment } from './assess.ts';
import type { Handing, HandOver } from './dispatch/hand-over.ts';
import { type Draft, draftAcceptance } from './draft.ts';
import { chargeRequestOf, overQuota, type Times, timesOf, whoWaits } from './later.ts';
import { dress } from './outgoing.ts';
import type { Objection } from './policy.ts';
import type { Charge, Quotas } from './quota/index.ts';
import { givenMessageId, keyReused, repeatKeyOf } from './repeat.ts';
import type { Lifetimes } from './routing/lifetimes.ts';
import type { MessageFacts } from './routing/match.ts';
import { messageFacts } from './routing/message-facts.ts';
import type { Signer } from './signing/signer.ts';
import { madeMessageId } from './transforms.ts';

export type SubmitResult =
  /** Nothing was stored: it is the message of that id, come again. */
  | { readonly kind: 'repeated'; readonly messageId: MessageId }
  | { readonly kind: 'accepted'; readonly messageId: MessageId }
  | { readonly kind: 'rejected'; readonly reply: Reply; readonly rule: string }
  | { readonly kind: 'deferred'; readonly reply: Reply; readonly rule: string };

export type Submit = (submission: Submission) => Promise<SubmitResult>;

export type SubmitOptions = {
  readonly pool: Pool;
  readonly assess: Assess;
  readonly quotas: Quotas;
  readonly signer: Signer;
  readonly handOver: HandOver;
  readonly hostname: string;
  readonly maxAgeMsOf: Lifetimes['maxAgeMsOf'];
  /** How long a Message-ID is remembered, so that what comes twice leaves once; null = not at all. */
  readonly repeatWindowMs: number | null;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** A batch holds up those behind it; and large contents are better not copied together. */
const MAX_BATCH_ITEMS = 200;
const MAX_BATCH_BYTES = 1_000_000;
/** What a recipient counts for: at 0.09 ms each, a hundred messages to a thousand would hold everybody up for 9 s. */
const DELIVERY_BYTES = 500;

export function createSubmit(options: SubmitOptions): Submit {
  const { pool, assess, quotas, signer, handOver, clock, log, metrics } = options;
  const batch = new Batch<Acceptance, AcceptResult>({
    write: items => acceptMessages(pool, items),
    maxItems: MAX_BATCH_ITEMS,
    maxBytes: MAX_BATCH_BYTES,
    bytesOf: item => item.content.length + item.deliveries.length * DELIVERY_BYTES,
    isOneItemsFault: isDataError,
  });

  return async submission => {
    const startedAt = performance.now();
    const result = await judgeAndTake(submission).catch(error => unable(submission, error));
    if (result.kind === 'accepted') metrics.acceptSeconds.observe((performance.now() - startedAt) / 1_000);
    return result;
  };

  async function judgeAndTake(submission: Submission): Promise<SubmitResult> {
    const assessment = await assess(submission);
    const { verdict, directives } = assessment;
    if (verdict.kind !== 'accept') return refuse(submission, verdict);
    return take({ ...submission, stream: directives.stream ?? submission.stream }, assessment, verdict.mode);
  }

  async function take(submission: Submission, assessment: Assessment, mode: Mode): Promise<SubmitResult> {
    const now = clock();
    const message = messageFacts(submission, assessment.header, assessment.directives);
    const times = timesOf(assessment.directives, now, options.maxAgeMsOf(message));
    // First: mail that cannot be signed is not taken, and an app that tries it for hours is charged nothing.
    const written = await writeUp(submission, assessment, times, now);
    const charge = mode === 'live' ? await chargeQuotas(submission, times, now) : null;
    if (charge?.kind === 'reject') return refuse(submission, overQuota(charge));
    try {
      const waiting = whoWaits(submission.envelope.recipients.length, times, charge, now);
      const result = await store(submission, { ...written, waiting }, message, mode);
      if (result.kind !== 'accepted' && charge) await quotas.refund(charge);
      return result;
    } catch (error) {
      // After a timeout it may be stored all the same: its room would be given away twice.
      if (charge && isDataError(error)) await quotas.refund(charge);
      throw error;
    }
  }

  function chargeQuotas(submission: Submission, times: Times, now: number): Promise<Charge> | null {
    const { identity, envelope, stream } = submission;
    const domains = envelope.recipients.map(({ address }) => domainOf(address));
    if (!quotas.applies(identity, stream, domains)) return null;
    return quotas.charge(chargeRequestOf(submission, times, now));
  }

  /** Everything that will be stored, but for what the dispatcher has to say. */
  async function writeUp(submission: Submission, assessment: Assessment, times: Times, now: number) {
    const { hostname, repeatWindowMs } = options;
    const { header, directives, authentication } = assessment;
    const messageId = newId(now) as MessageId;
    const given = givenMessageId(submission.content, header);
    const internetMessageId = given ?? madeMessageId(messageId, hostname);
    const outgoing = await dress(submission, assessment, signer, { messageId, internetMessageId, hostname, now });
    const repeatKey = repeatKeyOf(submission, header, directives, repeatWindowMs);
    return {
      ...{ submission, header, directives, authentication, messageId, internetMessageId, repeatKey, now },
      ...{ ...outgoing, ...times },
    };
  }

  async function store(
    submission: Submission,
    written: Omit<Draft, 'handing'>,
    message: MessageFacts,
    mode: Mode,
  ): Promise<SubmitResult> {
    const { envelope, content } = submission;
    const { waiting } = written;
    const handing = mode === 'capture' ? CAPTURE : handingOf(submission, waiting, message);
    let result: AcceptResult;
    const acceptance = draftAcceptance({ ...written, handing });
    try {
      result = await batch.add(acceptance);
    } catch (error) {
      handOver.cancel(handing, content.length);
      throw error;
    }
    if (result.kind === 'repeated') {
      handOver.cancel(handing, content.length);
      return repeated(submission, result);
    }
    const absent = new Set([...waiting.keys(), ...result.suppressed.map(({ n }) => n)]);
    handOver.accepted(handing, acceptance, envelope, absent);
    announce(submission, acceptance, result.suppressed);
    return { kind: 'accepted', messageId: written.messageId };
  }

  /** A message of which nothing is to be sent now takes no place at an upstream. */
  function handingOf({ envelope, content }: Submission, waiting: Draft['waiting'], message: MessageFacts): Handing {
    const now = envelope.recipients.filter((_, n) => !waiting.has(n)).map(({ address }) => address);
    return now.length === 0 ? { kind: 'wait' } : handOver.reserve(message, now, content.length);
  }

  /** Told to the app as the success that it is, unless the app used one key for two messages. */
  function repeated(
    submission: Submission,
    { messageId, sameEnvelope }: AcceptResult & { kind: 'repeated' },
  ): SubmitResult {
    if (!sameEnvelope) return refuse(submission, keyReused(messageId));
    metrics.repeated.inc();
    log.info({ event: 'repeated', messageId, ...about(submission) }, 'repeated');
    return { kind: 'repeated', messageId };
  }

  function refuse(submission: Submission, objection: Objection): SubmitResult {
    const { rule } = objection;
    const kind = objection.kind === 'reject' ? 'rejected' : 'deferred';
    metrics.refused.inc({ rule });
    const { code, enhanced, text } = objection.reply;
    const answer = { smtpCode: code, enhancedStatus: enhanced, smtpText: text };
    log.info({ event: kind, ...about(submission), rule, ...answer }, kind);
    return { kind, reply: objection.reply, rule };
  }

  /** Whatever the database says, the app keeps its message and tries again. */
  function unable(submission: Submission, error: unknown): SubmitResult {
    log.error({ ...about(submission), err: error }, 'message not stored');
    if (error instanceof SealError) return refuse(submission, { ...STORAGE_UNAVAILABLE, rule: 'keys-do-not-open' });
    return refuse(submission, isOutOfSpace(error) ? STORAGE_FULL : STORAGE_UNAVAILABLE);
  }

  function announce(
    submission: Submission,
    { message, deliveries, event }: Acceptance,
    suppressed: readonly SuppressedRecipient[],
  ): void {
    const { messageId, internetMessageId } = message;
    metrics.accepted.inc({ mode: event === 'captured' ? 'capture' : 'live' });
    const size = submission.content.length;
    const recipients = deliveries.length;
    log.info({ event, messageId, internetMessageId, ...about(submission), recipients, size }, event);
    for (const { n, event: beginning, dueInMs, reason } of deliveries) {
      if (beginning === null || suppressed.some(recipient => recipient.n === n)) continue;
      log.info({ event: beginning, messageId, deliveryId: `${messageId}.${n}`, retryInMs: dueInMs, reason }, beginning);
    }
    for (const { n, reason } of suppressed) {
      metrics.settled.inc({ state: 'suppressed' });
      log.info({ event: 'suppressed', messageId, deliveryId: `${messageId}.${n}`, reason }, 'suppressed');
    }
  }
}

const CAPTURE: Handing = { kind: 'capture' };
const STORAGE_FULL: Objection = {
  kind: 'defer',
  reply: reply(452, '4.3.1', 'Insufficient system storage'),
  rule: 'storage-full',
};
const STORAGE_UNAVAILABLE: Objection = {
  kind: 'defer',
  reply: reply(451, '4.3.0', 'Temporary failure, try again later'),
  rule: 'storage-unavailable',
};

function about({ identity, stream, session }: Submission) {
  return { identity: identity.credentialName, stream, remoteAddress: session.remoteAddress };
}
