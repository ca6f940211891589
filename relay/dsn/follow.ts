// Tells senders what became of their mail, where they want to be told: reads events in order of commit and makes the
// notifications. Cursor, notification and timeline commit together, so that a crash makes neither none nor two.
import { scanHeader } from '../../src/mail/header.ts';
import type { MessageId } from '../../src/mail/submission.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { newId } from '../../src/platform/id.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import { type Rounds, startRounds } from '../../src/platform/rounds.ts';
import { acceptWithin } from '../../src/store/accept.ts';
import {
  loadBeginnings,
  type MadeDsn,
  putDsns,
  readTellable,
  type Tellable,
  toldAlready,
} from '../../src/store/dsns.ts';
import { moveCursor, takeCursor } from '../../src/store/followers.ts';
import { type Connection, inTransaction } from '../../src/store/transaction.ts';
import { type DraftOptions, draftNotification } from './draft.ts';
import { type DsnKind, natureOf, type TellableKind, wishFor } from './wanted.ts';

export type TellOptions = DraftOptions & {
  /** A transaction here has several statements: not the pool that messages on their way use. */
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'dsns'>;
  /** Called when there is mail to send. */
  readonly wake: () => void;
};

const NAME = 'dsn';
/** With what is returned of each message, 10 MB at the worst. */
const AT_ONCE = 100;
const LOOK_EVERY_MS = 1_000;
const AFTER_TROUBLE_MS = 5_000;
/** A larger message is not returned, only its header. */
const MAX_RETURNED_BYTES = 100_000;
const HEADER_BYTES = 65_536;

/** Until it is stopped. Several may run: one at a time works. */
export function tellSenders(options: TellOptions): Rounds {
  return startRounds({
    round: async () => (await tellOnce(options)) === AT_ONCE,
    ...{ everyMs: LOOK_EVERY_MS, afterTroubleMs: AFTER_TROUBLE_MS },
    onTrouble: error => options.log.warn({ err: error }, 'senders not told'),
  });
}

/** One batch of events; how many were read. */
export async function tellOnce(options: TellOptions): Promise<number> {
  const { count, made } = await inTransaction(options.pool, async connection => {
    const cursor = await takeCursor(connection, NAME);
    const seen = cursor ? await readTellable(connection, cursor, AT_ONCE) : [];
    const made = await notify(
      connection,
      seen.flatMap(({ tellable }) => tellable ?? []),
      options,
    );
    const last = seen.at(-1);
    if (last) await moveCursor(connection, NAME, last);
    return { count: seen.length, made };
  });
  if (made.length > 0) options.wake();
  announce(made, options);
  return count;
}

/** One recipient that is told of. */
type Wanted = { readonly about: Tellable; readonly kind: DsnKind; readonly rule: string };

async function notify(connection: Connection, tellable: readonly Tellable[], options: TellOptions): Promise<MadeDsn[]> {
  if (tellable.length === 0) return [];
  const contents = await loadBeginnings(connection, bytesWanted(tellable));
  const wanted = await notTold(
    connection,
    tellable.flatMap(about => wish(about, contents)),
  );
  const now = options.clock();
  const made: MadeDsn[] = [];
  const acceptances = [];
  for (const group of byMessageAndKind(wanted)) {
    const { about, kind } = group[0]!;
    const dsnMessageId = newId(now) as MessageId;
    const notification = { kind, about: group.map(one => one.about), content: contents.get(about.messageId)! };
    acceptances.push(await draftNotification(notification, dsnMessageId, now, options));
    made.push(...group.map(one => ({ ...keyOf(one), dsnMessageId, to: about.reversePath, rule: one.rule })));
  }
  if (made.length === 0) return made;
  await acceptWithin(connection, acceptances);
  await putDsns(connection, made);
  return made;
}

function bytesWanted(tellable: readonly Tellable[]) {
  const wanted = new Map(
    tellable.map(({ messageId, ret, size }) => {
      const isReturned = ret === 'FULL' && size <= MAX_RETURNED_BYTES;
      return [messageId, isReturned ? MAX_RETURNED_BYTES : HEADER_BYTES];
    }),
  );
  return [...wanted].map(([messageId, bytes]) => ({ messageId, bytes }));
}

function wish(about: Tellable, contents: ReadonlyMap<MessageId, Buffer>): Wanted[] {
  const content = contents.get(about.messageId);
  // Whoever took the content out of the archive left nothing to tell of.
  if (!content) return [];
  const { kind: event, notify, policy, reversePath, state } = about;
  const occasion = { event: event as TellableKind, notify, policy, reversePath, state };
  const { kind, rule } = wishFor(occasion, natureOf(content, scanHeader(content)));
  return kind === null ? [] : [{ about, kind, rule }];
}

function keyOf({ about: { messageId, n, attempt }, kind }: Wanted) {
  return { messageId, n, kind, attempt };
}

/** An attempt that fails, and a report that says so days later, are one failure. */
async function notTold(connection: Connection, wanted: readonly Wanted[]): Promise<Wanted[]> {
  if (wanted.length === 0) return [];
  const name = ({ messageId, n, kind, attempt }: ReturnType<typeof keyOf>) => `${messageId} ${n} ${kind} ${attempt}`;
  const told = new Set((await toldAlready(connection, wanted.map(keyOf))).map(name));
  return wanted.filter(one => {
    const key = name(keyOf(one));
    return !told.has(key) && told.add(key);
  });
}

/** Recipients of one message that came to the same are told of in one. */
function byMessageAndKind(wanted: readonly Wanted[]): Wanted[][] {
  return [...Map.groupBy(wanted, ({ about, kind }) => `${about.messageId} ${kind}`).values()];
}

function announce(made: readonly MadeDsn[], { log, metrics }: TellOptions): void {
  for (const [dsnMessageId, group] of Map.groupBy(made, one => one.dsnMessageId)) {
    const { messageId, kind, rule } = group[0]!;
    metrics.dsns.inc({ kind });
    log.info({ event: 'dsn-sent', messageId, dsnMessageId, kind, rule, recipients: group.length }, 'dsn-sent');
  }
}
