// How far each bounce mailbox has been read.
import type { Pool } from 'pg';
import type { Connection } from './transaction.ts';

export type MailboxState = {
  readonly mailbox: string;
  readonly uidValidity: number;
  /** All up to there have been looked at. */
  readonly lastUid: number;
  readonly lookedAt: Date;
  readonly trouble: string | null;
  readonly troubleAt: Date | null;
};

const COLUMNS = `mailbox, uid_validity as "uidValidity", last_uid as "lastUid", looked_at as "lookedAt", trouble,
                 trouble_at as "troubleAt"`;

export async function readMailbox(pool: Pool, mailbox: string): Promise<MailboxState | null> {
  const { rows } = await pool.query<MailboxState>(`select ${COLUMNS} from mailboxes where mailbox = $1`, [mailbox]);
  return rows[0] ?? null;
}

export async function listMailboxes(pool: Pool): Promise<MailboxState[]> {
  return (await pool.query<MailboxState>(`select ${COLUMNS} from mailboxes order by mailbox`)).rows;
}

/** Another UIDVALIDITY begins at 0: its numbers mean other messages. Never goes back within one. */
export async function advanceMailbox(
  connection: Connection,
  mailbox: string,
  uidValidity: number,
  lastUid: number,
): Promise<void> {
  await connection.query({
    name: 'advance-mailbox',
    text: `insert into mailboxes (mailbox, uid_validity, last_uid) values ($1, $2, $3)
           on conflict (mailbox) do update
           set last_uid = case when mailboxes.uid_validity = excluded.uid_validity
                          then greatest(mailboxes.last_uid, excluded.last_uid) else excluded.last_uid end,
               uid_validity = excluded.uid_validity, looked_at = now(), trouble = null, trouble_at = null`,
    values: [mailbox, uidValidity, lastUid],
  });
}

export async function noteMailboxTrouble(pool: Pool, mailbox: string, trouble: string): Promise<void> {
  await pool.query(
    `insert into mailboxes (mailbox, uid_validity, last_uid, trouble, trouble_at) values ($1, 0, 0, $2, now())
     on conflict (mailbox) do update set trouble = excluded.trouble, trouble_at = now()`,
    [mailbox, trouble],
  );
}
