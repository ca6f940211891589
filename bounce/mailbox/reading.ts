// Reads what is new in an open mailbox, message by message, so that a backlog of any length costs the memory of one. Every
// report is committed together with how far the mailbox has been read; only then is its mail filed.
import type { FetchMessageObject, ImapFlow } from 'imapflow';
import type { Logger } from '../../src/platform/log.ts';
import type { MailboxSettings } from '../../src/platform/mailbox-url.ts';
import { isDataError, type Pool } from '../../src/platform/postgres.ts';
import { advanceMailbox, readMailbox } from '../../src/store/mailboxes.ts';
import { markFiled, unfiledReports } from '../../src/store/reports.ts';
import type { IngestReport } from '../ingest.ts';
import { describeImapError, MAX_MESSAGE_BYTES, within } from './client.ts';
import { fileMessages } from './filing.ts';

export type ReadingOptions = {
  readonly settings: MailboxSettings;
  readonly pool: Pool;
  readonly ingest: IngestReport;
  readonly timeoutMs: number;
  readonly log: Logger;
};

const AT_ONCE = 100;

export class Reading {
  readonly #options: ReadingOptions;
  readonly #client: ImapFlow;
  readonly #uidValidity: number;

  constructor(options: ReadingOptions, client: ImapFlow, uidValidity: number) {
    this.#options = options;
    this.#client = client;
    this.#uidValidity = uidValidity;
  }

  /** All that is new, until there is nothing more; how many reports that were. */
  async readNew(signal: AbortSignal): Promise<number> {
    const uids = await this.#newUids();
    let reports = 0;
    for (let at = 0; at < uids.length && !signal.aborted; at += AT_ONCE) {
      reports += await this.#readSome(uids.slice(at, at + AT_ONCE), signal);
    }
    if (uids.length === 0) await this.#advance(0);
    return reports;
  }

  /** What was recorded and not filed: a process died in between, or the server refused. */
  async fileLeftovers(): Promise<void> {
    const { pool, settings } = this.#options;
    for (;;) {
      const keys = await unfiledReports(pool, sourceOf(settings), 1_000);
      const here = keys.filter(key => key.startsWith(`${this.#uidValidity}:`));
      // Numbers of another UIDVALIDITY mean other messages by now.
      await markFiled(
        pool,
        sourceOf(settings),
        keys.filter(key => !here.includes(key)),
      );
      if (here.length === 0 || !(await this.#file(here.map(uidOf)))) return;
    }
  }

  async #newUids(): Promise<number[]> {
    const { pool, settings, log } = this.#options;
    const known = await readMailbox(pool, settings.name);
    const isSame = known?.uidValidity === this.#uidValidity;
    if (known && !isSame && known.uidValidity !== 0)
      log.warn(
        { event: 'mailbox-reset', mailbox: settings.name },
        'the mailbox numbers its mail anew: read from its start',
      );
    const last = isSame ? known.lastUid : 0;
    const found = await this.#within('looking for new mail', () =>
      this.#client.search({ uid: `${last + 1}:*` }, { uid: true }),
    );
    if (!found) throw new Error('the server does not search');
    // `n:*` also means the last message when it is below n (RFC 3501 section 6.4.8).
    return found.filter(uid => uid > last).sort((a, b) => a - b);
  }

  async #readSome(uids: readonly number[], signal: AbortSignal): Promise<number> {
    const small = await this.#smallOnes(uids);
    const recorded: number[] = [];
    if (small.length > 0) {
      const messages = this.#client.fetch(small.join(','), { uid: true, source: true }, { uid: true });
      for (let next = await this.#next(messages); !next.done; next = await this.#next(messages)) {
        if (signal.aborted) break;
        if (await this.#ingest(next.value)) recorded.push(next.value.uid);
      }
    }
    if (signal.aborted) return recorded.length;
    await this.#advance(uids.at(-1)!);
    if (recorded.length > 0) await this.#file(recorded);
    return recorded.length;
  }

  /** By size before anything is fetched. */
  async #smallOnes(uids: readonly number[]): Promise<number[]> {
    const { settings, log } = this.#options;
    const sizes = await this.#within('asking for sizes', () =>
      this.#client.fetchAll(uids.join(','), { uid: true, size: true }, { uid: true }),
    );
    const asked = new Set(uids);
    for (const { uid, size = 0 } of sizes.filter(({ size = 0 }) => size > MAX_MESSAGE_BYTES)) {
      log.warn({ event: 'report-too-large', mailbox: settings.name, uid, size }, 'mail left unread: it is too large');
    }
    return sizes.filter(({ uid, size = 0 }) => asked.has(uid) && size <= MAX_MESSAGE_BYTES).map(({ uid }) => uid);
  }

  #next(messages: AsyncGenerator<FetchMessageObject>) {
    return this.#within('fetching a message', () => messages.next());
  }

  /** Whether it is a report. What the database itself objects to is left where it is, and must not hold up the others. */
  async #ingest({ uid, source }: FetchMessageObject): Promise<boolean> {
    const { settings, pool, ingest, log } = this.#options;
    if (!source) return false;
    try {
      const ingested = await ingest(source, {
        source: sourceOf(settings),
        key: `${this.#uidValidity}:${uid}`,
        toBeFiled: true,
        alongside: connection => advanceMailbox(connection, settings.name, this.#uidValidity, uid),
      });
      return ingested.kind !== 'not-a-report';
    } catch (error) {
      if (!isDataError(error)) throw error;
      log.error(
        { event: 'report-failed', mailbox: settings.name, uid, err: error },
        'mail left unread: it cannot be stored',
      );
      await advanceMailbox(pool, settings.name, this.#uidValidity, uid);
      return false;
    }
  }

  #advance(uid: number): Promise<void> {
    const { pool, settings } = this.#options;
    return advanceMailbox(pool, settings.name, this.#uidValidity, uid);
  }

  /** Whether it worked. If not, the reports are recorded all the same; it is tried again with the next connection. */
  async #file(uids: readonly number[]): Promise<boolean> {
    const { pool, settings, log } = this.#options;
    try {
      await this.#within('filing', () => fileMessages(this.#client, uids, settings.filing));
    } catch (error) {
      if (!this.#client.usable) throw error;
      const reason = describeImapError(error, settings);
      log.warn({ event: 'mailbox-filing-failed', mailbox: settings.name, reason }, 'recorded mail stays where it is');
      return false;
    }
    await markFiled(
      pool,
      sourceOf(settings),
      uids.map(uid => `${this.#uidValidity}:${uid}`),
    );
    return true;
  }

  #within<T>(what: string, step: () => Promise<T>): Promise<T> {
    return within(this.#client, this.#options.timeoutMs, what, step);
  }
}

function sourceOf({ name }: MailboxSettings): string {
  return `mailbox:${name}`;
}

function uidOf(key: string): number {
  return Number(key.slice(key.indexOf(':') + 1));
}
