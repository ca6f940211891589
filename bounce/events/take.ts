/**
 * `takeProviderEvents`: the way in for what providers told, once it is known to be authentic. Each event is a report like
 * any other, in a transaction of its own, so that what was taken stays taken when a later one fails and the provider tells
 * all of them again. It counts once, by the account and the provider's own id of it.
 */
import { createHash } from 'node:crypto';
import { newId } from '../../src/platform/id.ts';
import { isDataError } from '../../src/platform/postgres.ts';
import { type CandidateDelivery, findCandidates, type NewReport } from '../../src/store/reports.ts';
import { inTransaction } from '../../src/store/transaction.ts';
import type { Ring } from '../clues.ts';
import { namesOf } from '../correlate.ts';
import { announce, type Read, type Recording, type RecordOptions, recordReport } from '../record.ts';
import { clean } from '../report-row.ts';
import { asReported, type JudgedRecipient } from './as-report.ts';
import type { ProviderEvent } from './provider-event.ts';
import { type EventClues, eventClues, tieEvent } from './tie.ts';

/** Resolves when all of them are kept. Rejects when the database does: some may be kept then, and count once all the same. */
export type TakeProviderEvents = (events: readonly ProviderEvent[]) => Promise<void>;

export type TakeOptions = RecordOptions & { readonly ring: Ring };

export function createTakeProviderEvents(options: TakeOptions): TakeProviderEvents {
  return async events => {
    const objections: unknown[] = [];
    for (const event of events) {
      await take(event, options).catch(error => {
        // What the database itself objects to must not hold up the others.
        if (!isDataError(error)) throw error;
        objections.push(error);
      });
    }
    if (objections.length > 0) throw objections[0];
  };
}

async function take(event: ProviderEvent, options: TakeOptions): Promise<void> {
  const now = options.clock();
  const judged = asReported(event);
  const clues = eventClues(event, options.ring, now);
  const recorded = await inTransaction(options.pool, async connection => {
    const read = understand(judged, clues, await findCandidates(connection, searchFor(judged, clues)));
    if (isNoNews(event, read)) return null;
    const recording = recordingOf(event, clues, read, now);
    return { recording, ...(await recordReport(connection, recording, options)) };
  });
  if (recorded) announce(recorded.recording, recorded, options);
}

/** That other software's mail arrived, through an account that it shares with us, is nothing to keep. */
function isNoNews({ kind }: ProviderEvent, read: readonly Read[]): boolean {
  if (kind !== 'delivered' && kind !== 'delayed') return false;
  return read.every(({ correlation }) => correlation.kind === 'none');
}

function understand(
  judged: readonly JudgedRecipient[],
  clues: EventClues,
  candidates: readonly CandidateDelivery[],
): Read[] {
  return judged.map(({ reported, verdict, isCertain }) => ({
    ...{ reported, verdict },
    correlation: tieEvent({ ...reported, isCertain }, clues, candidates),
  }));
}

function searchFor(judged: readonly JudgedRecipient[], { marks, returnPaths, internetMessageId }: EventClues) {
  const issued = returnPaths.filter(token => token.kind === 'valid' || token.kind === 'expired');
  const named = [...marks, ...issued];
  return {
    messageIds: named.map(({ messageId }) => messageId),
    internetMessageIds: internetMessageId === null ? [] : [clean(internetMessageId, 800)],
    recipientKeys: [...new Set(judged.flatMap(({ reported }) => namesOf(reported)))].map(key => clean(key, 400)),
    numbers: named.map(({ n }) => n).filter(n => n !== null),
    since: null,
  };
}

function recordingOf(event: ProviderEvent, clues: EventClues, read: readonly Read[], now: number): Recording {
  return {
    report: reportOf(event, clues, now),
    source: { source: `events:${clues.account}`, key: event.eventId, toBeFiled: false },
    understand: async () => read,
    details: { toldBy: clues.account, happenedAt: event.at.toISOString() },
  };
}

/** Evidence is the event as the provider wrote it, without signatures: they prove nothing to whoever looks later. */
function reportOf({ provider, eventId, internetMessageId, raw }: ProviderEvent, clues: EventClues, now: number) {
  const bytes = Buffer.from(raw);
  const report: NewReport = {
    reportId: newId(now),
    digest: createHash('sha256')
      .update(JSON.stringify(['event', clues.account, eventId]))
      .digest(),
    ...{ kind: 'event', format: provider, from: null, subject: null, size: bytes.length, bytes },
    internetMessageId: internetMessageId && clean(internetMessageId, 800),
  };
  return report;
}
