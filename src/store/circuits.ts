// What all processes know of each upstream: whether its circuit is open, why, and who finds out whether it is back. An
// opening or closing is written with its event, in one transaction and once, whoever noticed it too. Times are the
// database's; what leaves here is counted from now.
import type { Pool } from '../platform/postgres.ts';
import type { Connection } from './transaction.ts';
import { inTransaction } from './transaction.ts';

export type CircuitState = {
  readonly upstream: string;
  /** 0 = closed. */
  readonly failures: number;
  readonly cause: string | null;
  readonly reason: string | null;
  readonly rule: string | null;
  readonly openedAt: Date | null;
  readonly openedBy: string | null;
  readonly openForMs: number;
  /** Until somebody may look whether it is back; null by hand. */
  readonly lookInMs: number | null;
  /** null = closed by nobody but a person. */
  readonly openUntil: Date | null;
  /** Opened by hand for a time that is over. */
  readonly isOver: boolean;
  readonly trialHolder: string | null;
  readonly trialForMs: number | null;
  readonly trialWantedBy: string | null;
  readonly handedOn: number;
};

export type Opening = {
  readonly upstream: string;
  readonly cause: string;
  readonly reason: string;
  readonly rule: string | null;
  readonly by: string;
  readonly lookInMs: number;
};

const MS_FROM_NOW = (time: string) => `(extract(epoch from ${time} - now()) * 1000)::float`;

export async function readCircuits(connection: Connection): Promise<CircuitState[]> {
  const { rows } = await connection.query<CircuitState>({
    name: 'read-circuits',
    text: `
      select upstream, failures, cause, reason, rule, opened_at as "openedAt", opened_by as "openedBy",
             coalesce(-${MS_FROM_NOW('opened_at')}, 0) as "openForMs", ${MS_FROM_NOW('look_at')} as "lookInMs",
             open_until as "openUntil", coalesce(open_until <= now(), false) as "isOver",
             case when trial_until > now() then trial_holder end as "trialHolder",
             case when trial_until > now() then ${MS_FROM_NOW('trial_until')} end as "trialForMs",
             trial_wanted_by as "trialWantedBy", handed_on as "handedOn"
      from circuits order by upstream`,
  });
  return rows;
}

// ── openings and closings ───────────────────────────────────────────────────────────────────────────────────────────

/** A process that stops in between must not keep the others out for ever. */
const LOCK = `
set local lock_timeout = '5s';
set local idle_in_transaction_session_timeout = '10s';
select pg_advisory_xact_lock(hashtextextended('postern circuits', 0))`;

/** One at a time, so that what follows from several circuits together is seen by the last of them at the latest. */
export function changeCircuits<T>(pool: Pool, change: (connection: Connection) => Promise<T>): Promise<T> {
  return inTransaction(pool, async connection => {
    await connection.query(LOCK);
    return change(connection);
  });
}

const CLOSED_COLUMNS = `
  failures = 0, cause = null, reason = null, rule = null, opened_at = null, opened_by = null, look_at = null,
  open_until = null, trial_holder = null, trial_until = null, trial_wanted_by = null, handed_on = 0, changed_at = now()`;

/** Whether it did: another process may have seen the same before. */
export async function openCircuit(connection: Connection, opening: Opening): Promise<boolean> {
  const { upstream, cause, reason, rule, by, lookInMs } = opening;
  const { rowCount } = await connection.query(
    `insert into circuits as c (upstream, failures, cause, reason, rule, opened_at, opened_by, look_at)
     values ($1, 1, $2, $3, $4, now(), $5, now() + $6 * interval '1 ms')
     on conflict (upstream) do update
     set failures = 1, cause = excluded.cause, reason = excluded.reason, rule = excluded.rule, opened_at = now(),
         opened_by = excluded.opened_by, look_at = excluded.look_at, changed_at = now()
     where c.failures = 0`,
    [upstream, cause, reason, rule, by, lookInMs],
  );
  if (rowCount !== 1) return false;
  await tell(connection, 'upstream-down', upstream, { node: by, cause, reason, ...(rule !== null && { rule }) });
  return true;
}

/** By hand it stays open: what mail tells closes nothing then. Whether it was open. */
export async function closeCircuit(connection: Connection, upstream: string, by: string): Promise<boolean> {
  return close(connection, `upstream = $1 and cause <> 'by-hand'`, [upstream], { node: by });
}

/** Its holder's look or trial came to nothing; so did that of who had to go on alone, the database being away. */
export async function failTrial(
  connection: Connection,
  holder: string,
  { upstream, cause, reason, rule, lookInMs }: Omit<Opening, 'by'>,
): Promise<void> {
  await connection.query(
    `update circuits
     set failures = failures + 1, cause = $3, reason = $4, rule = $5, look_at = now() + $6 * interval '1 ms',
         trial_holder = null, trial_until = null, trial_wanted_by = null, handed_on = 0, changed_at = now()
     where upstream = $1 and failures > 0 and cause <> 'by-hand'
       and (trial_holder is null or trial_holder = $2 or trial_until <= now())`,
    [upstream, holder, cause, reason, rule, lookInMs],
  );
}

// ── by hand ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export type OpeningByHand = {
  readonly upstream: string;
  readonly by: string;
  readonly reason: string | null;
  /** null = until it is closed by hand. */
  readonly forMs: number | null;
};

/** Whatever it was: from now on it is open by hand. */
export async function openByHand(connection: Connection, { upstream, by, reason, forMs }: OpeningByHand) {
  const { rows } = await connection.query<{ until: Date | null }>(
    `insert into circuits (upstream, failures, cause, reason, opened_at, opened_by, open_until)
     values ($1, 1, 'by-hand', $2, now(), $3, now() + $4 * interval '1 ms')
     on conflict (upstream) do update
     set failures = 1, cause = 'by-hand', reason = excluded.reason, rule = null, opened_at = now(),
         opened_by = excluded.opened_by, look_at = null, open_until = excluded.open_until, trial_holder = null,
         trial_until = null, trial_wanted_by = null, handed_on = 0, changed_at = now()
     returning open_until as until`,
    [upstream, reason, by, forMs],
  );
  const { until } = rows[0]!;
  const why = { by, cause: 'by-hand', ...(reason !== null && { reason }), ...(until !== null && { until }) };
  await tell(connection, 'upstream-down', upstream, why);
  return { until };
}

/** Whatever it was open for. Whether it was open. */
export function closeByHand(connection: Connection, upstream: string, by: string): Promise<boolean> {
  return close(connection, 'upstream = $1', [upstream], { by, cause: 'by-hand' });
}

/** Closes what was opened by hand for a time that is over. */
export function closeOverdue(connection: Connection, by: string): Promise<boolean> {
  return close(connection, 'open_until <= now()', [], { node: by, cause: 'time-over' });
}

async function close(connection: Connection, which: string, values: unknown[], why: object): Promise<boolean> {
  const { rows } = await connection.query<{ upstream: string; downMs: number }>(
    `with before as (
       select upstream, opened_at from circuits where failures > 0 and ${which} for update
     )
     update circuits c set ${CLOSED_COLUMNS} from before
     where c.upstream = before.upstream
     returning c.upstream, round(extract(epoch from now() - before.opened_at) * 1000)::float as "downMs"`,
    values,
  );
  for (const { upstream, downMs } of rows) await tell(connection, 'upstream-up', upstream, { ...why, downMs });
  return rows.length > 0;
}

async function tell(connection: Connection, kind: string, upstream: string, data: object): Promise<void> {
  await connection.query('insert into events (kind, topic, data) values ($1, $2, $3)', [
    ...[kind, `upstream:${upstream}`, JSON.stringify(data)],
  ]);
}

// ── the trial ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Long enough for a process that pauses; the holder renews it while it looks and tries. */
export const TRIAL_MS = 30_000;
const TRIAL_ENDS = `now() + ${TRIAL_MS} * interval '1 ms'`;

/** Whether it is ours: once it is time to look, and nobody else looks. */
export async function takeTrial(connection: Connection, upstream: string, holder: string): Promise<boolean> {
  const { rowCount } = await connection.query({
    name: 'take-trial',
    text: `update circuits set trial_holder = $2, trial_until = ${TRIAL_ENDS}
           where upstream = $1 and failures > 0 and cause <> 'by-hand'
             and (trial_holder = $2 or look_at <= now() and (trial_holder is null or trial_until <= now()))`,
    values: [upstream, holder],
  });
  return rowCount === 1;
}

/** There is mail here that would like to try. */
export async function wantTrial(connection: Connection, upstream: string, holder: string): Promise<void> {
  await connection.query({
    name: 'want-trial',
    text: `update circuits set trial_wanted_by = $2
           where upstream = $1 and trial_wanted_by is null and trial_holder <> $2 and trial_until > now()`,
    values: [upstream, holder],
  });
}

/** To the process that wants it. */
export async function handOnTrial(connection: Connection, upstream: string, holder: string): Promise<void> {
  await connection.query(
    `update circuits set trial_holder = trial_wanted_by, trial_until = ${TRIAL_ENDS}, trial_wanted_by = null,
                         handed_on = handed_on + 1
     where upstream = $1 and trial_holder = $2 and trial_wanted_by is not null`,
    [upstream, holder],
  );
}

/** Of all upstreams: somebody else may look at once. */
export async function releaseTrials(connection: Connection, holder: string): Promise<void> {
  await connection.query(
    `update circuits set trial_holder = null, trial_until = null, trial_wanted_by = null where trial_holder = $1`,
    [holder],
  );
}
