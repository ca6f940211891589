// A suppressed recipient, for apps that want to hear of it at RCPT rather than find it in the timeline.
import { type Reply, reply } from '../src/mail/reply.ts';
import type { Identity, Stream } from '../src/mail/submission.ts';
import type { Pool } from '../src/platform/postgres.ts';
import { findSuppression } from '../src/store/suppressions.ts';

/**
 * The objection to a recipient, or null. Never 5.1.1: the app would learn that the mailbox does not exist, which nobody
 * said. Whoever did not ask for it gets null without a look; what is suppressed is then left out by the accepting commit.
 */
export async function objectToSuppressed(
  pool: Pool,
  identity: Identity,
  stream: Stream,
  address: string,
): Promise<Reply | null> {
  if (identity.onSuppressed !== 'reject' || identity.mode === 'capture') return null;
  const reason = await findSuppression(pool, { address, tenantId: identity.tenantId, stream });
  return reason === null ? null : reply(550, '5.7.1', `recipient suppressed (${reason})`);
}
