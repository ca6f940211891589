// Refusals in our own sessions, by the same classifier and policy as reports: reads what failed or expired out of the
// events, in order of commit, and settles it. Cursor and consequences commit together, so that each counts once.
import type { Stage } from '../src/mail/upstream.ts';
import type { Clock } from '../src/platform/clock.ts';
import type { Logger } from '../src/platform/log.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import type { Pool } from '../src/platform/postgres.ts';
import { type Rounds, startRounds } from '../src/platform/rounds.ts';
import { type Failure, moveCursor, readFailures, takeCursor } from '../src/store/followers.ts';
import { inTransaction } from '../src/store/transaction.ts';
import { type BounceVerdict, classifyBounce } from './classify.ts';
import { warnOf } from './record.ts';
import type { SmtpStage } from './report/recipient.ts';
import { type Alarm, inLockOrder, type Settled, type Settling, settle } from './settle.ts';

export type FollowOptions = {
  readonly pool: Pool;
  readonly suppressionsPerHour: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'outcomes'>;
};

const NAME = 'suppression';
const AT_ONCE = 200;
const LOOK_EVERY_MS = 1_000;
const AFTER_TROUBLE_MS = 5_000;

/** Follows until it is stopped. Several may run: one at a time works. */
export function followFailures(options: FollowOptions): Rounds {
  return startRounds({
    round: async () => (await followOnce(options)) === AT_ONCE,
    ...{ everyMs: LOOK_EVERY_MS, afterTroubleMs: AFTER_TROUBLE_MS },
    onTrouble: error => options.log.warn({ err: error }, 'failures not followed'),
  });
}

/** One batch; how many were read. */
export async function followOnce(options: FollowOptions): Promise<number> {
  const { pool, suppressionsPerHour, clock, log, metrics } = options;
  const { count, settled } = await inTransaction(pool, async connection => {
    const cursor = await takeCursor(connection, NAME);
    const failures = cursor ? await readFailures(connection, cursor, AT_ONCE) : [];
    const settled: { settling: Settling; settled: Settled }[] = [];
    const limits = { suppressionsPerHour, now: new Date(clock()) };
    for (const settling of inLockOrder(failures.flatMap(settlingOf))) {
      settled.push({ settling, settled: await settle(connection, settling, limits) });
    }
    const last = failures.at(-1);
    if (last) await moveCursor(connection, NAME, last);
    return { count: failures.length, settled };
  });
  for (const one of settled)
    metrics.outcomes.inc({ reason: one.settling.verdict.reason, decision: one.settled.decision });
  warnOf(
    settled.flatMap<Alarm>(one => one.settled.alarms),
    log,
  );
  return count;
}

/** Nothing where no upstream said anything, or what it said was about the upstream itself. */
function settlingOf(failure: Failure): Settling[] {
  const { messageId, n, recipient, tenantId, stream, acceptedAt, upstream, stage, scope, detail } = failure;
  if (detail === null || scope === 'upstream' || scope === 'network') return [];
  const said = [failure.smtpCode, failure.enhancedStatus, detail].filter(part => part !== null).join(' ');
  return [
    {
      delivery: { messageId, n, recipient, tenantId, stream, internetMessageId: null, acceptedAt, isOnly: false },
      action: failure.kind,
      verdict: verdictOf(failure, said),
      feedbackType: null,
      reportId: null,
      said: said.slice(0, 500),
      details: { upstream, stage },
    },
  ];
}

function verdictOf(failure: Failure, said: string): BounceVerdict {
  const { smtpCode, enhancedStatus, stage, scope, isShared, kind } = failure;
  const verdict = classifyBounce({
    ...{ status: enhancedStatus, replyCode: smtpCode === null ? null : String(smtpCode), diagnostic: said },
    stage: stage && STAGES[stage],
    action: kind === 'expired' ? 'expired' : null,
  });
  if (scope === 'sender' && verdict.kind === 'hard')
    return { reason: 'sender_rejected', kind: 'soft', rule: `said-of-the-sender: ${verdict.rule}`, confidence: 0 };
  // It is not known which of them it means: nobody's address is given up for that.
  if (isShared && (verdict.kind === 'hard' || verdict.reason.startsWith('mailbox')))
    return { reason: 'unknown', kind: 'soft', rule: `said-of-several: ${verdict.rule}`, confidence: 0 };
  return verdict;
}

const STAGES: Readonly<Record<Stage, SmtpStage>> = {
  connect: 'connect',
  tls: 'connect',
  banner: 'connect',
  ehlo: 'ehlo',
  auth: 'auth',
  mail: 'mail',
  rcpt: 'rcpt',
  data: 'data',
  content: 'content',
  final: 'content',
};
