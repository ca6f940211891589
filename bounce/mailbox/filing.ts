// What becomes of mail in the mailbox once it is recorded, and only then. Ordinary mail is never touched.
import type { ImapFlow } from 'imapflow';
import type { Filing } from '../../src/platform/mailbox-url.ts';

/** A number of messages at a time: servers bound their command lines. */
const AT_ONCE = 100;

/** Makes the folder that recorded mail goes to. */
export async function prepareFiling(client: ImapFlow, filing: Filing): Promise<void> {
  if (filing.kind === 'move') await client.mailboxCreate(filing.folder);
}

/** Those that somebody else took away meanwhile are no trouble. Rejects when the server refuses. */
export async function fileMessages(client: ImapFlow, uids: readonly number[], filing: Filing): Promise<void> {
  for (let at = 0; at < uids.length; at += AT_ONCE) {
    const range = uids.slice(at, at + AT_ONCE).join(',');
    const left = await client.search({ uid: range }, { uid: true });
    if (left && left.length > 0) await fileRange(client, left.join(','), filing);
  }
}

async function fileRange(client: ImapFlow, range: string, filing: Filing): Promise<void> {
  const uid = { uid: true };
  switch (filing.kind) {
    case 'move':
      if (!(await client.messageMove(range, filing.folder, uid)))
        throw new Error(`the server does not move messages to ${filing.folder}`);
      return;
    case 'delete':
      if (!(await client.messageDelete(range, uid))) throw new Error('the server does not delete messages');
      return;
    case 'flag':
      if (!(await client.messageFlagsAdd(range, ['\\Seen'], uid))) throw new Error('the server takes no flags');
      // A keyword is a courtesy for people who look: not every server has them.
      await client.messageFlagsAdd(range, ['$PosternProcessed'], uid);
  }
}
