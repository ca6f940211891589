// Who polls a mailbox: an advisory lock, held by a connection of its own and gone with it, however its process ends.
import type { Pool } from 'pg';

export type MailboxLock = {
  /** Rejects when the lock was lost: with its connection, or its server. */
  assertHeld(): Promise<void>;
  release(): void;
};

/** null = another process has it. */
export async function takeMailbox(pool: Pool, mailbox: string): Promise<MailboxLock | null> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query<{ isMine: boolean }>(
      `select pg_try_advisory_lock(hashtextextended($1, 2)) as "isMine"`,
      [mailbox],
    );
    if (rows[0]!.isMine) {
      return {
        assertHeld: async () => void (await client.query('select 1')),
        // Not given back to the pool: that is what gives the lock up, whatever state the connection is in.
        release: () => client.release(true),
      };
    }
  } catch (error) {
    client.release(true);
    throw error;
  }
  client.release();
  return null;
}
