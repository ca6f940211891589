// `postern doctor`: can this mailbox be read?
import { createLookup } from '../../src/platform/dns.ts';
import type { MailboxSettings } from '../../src/platform/mailbox-url.ts';
import { connectMailbox, describeImapError, within } from './client.ts';

const PATIENCE_MS = 15_000;

/** Logs in and opens the folder, and changes nothing. */
export async function probeMailbox(
  settings: MailboxSettings,
  dnsServers: readonly string[] | null,
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const options = { settings, lookup: createLookup(dnsServers), timeoutMs: PATIENCE_MS };
  try {
    const client = await connectMailbox(options, new AbortController().signal);
    try {
      const { exists } = await within(client, PATIENCE_MS, 'opening', () =>
        client.mailboxOpen(settings.folder, { readOnly: true }),
      );
      return { ok: true, detail: `${exists} messages, ${client.secureConnection ? 'over TLS' : 'in clear'}` };
    } finally {
      client.close();
    }
  } catch (error) {
    return { ok: false, detail: describeImapError(error, settings) };
  }
}
