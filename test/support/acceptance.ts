// A message about to be accepted, that nothing was said about.
import type { MessageId } from '../../src/mail/submission.ts';
import { newId } from '../../src/platform/id.ts';
import type { Acceptance, NewDelivery } from '../../src/store/accept.ts';

export function acceptance(
  recipients: readonly string[] = ['a@x.example'],
  changes: Partial<NewDelivery> = {},
  about: Partial<Acceptance['message']> = {},
): Acceptance {
  const messageId = newId(Date.now()) as MessageId;
  return {
    message: {
      ...{ messageId, tenantId: 'default', credentialId: 'c', credentialName: 'app', stream: 'transactional' },
      ...{ reversePath: 'sender@example.com', ret: null, envid: null, body: '7BIT', smtpUtf8: false },
      ...{
        internetMessageId: 'id@x',
        headerFrom: null,
        subject: 'hi',
        traceHeader: 'Received: x\r\n',
        remoteAddress: '::1',
      },
      ...{ acceptedAt: new Date(), expiresAt: new Date(Date.now() + 3_600_000) },
      ...{ omitted: [], tags: [], metadata: null, track: null, authentication: null },
      ...about,
    } as Acceptance['message'],
    content: Buffer.from(`Subject: hi\r\n\r\n${messageId}\0\xff\r\n`, 'latin1'),
    deliveries: recipients.map((recipient, n) => ({
      ...{ n, recipient, recipientKey: recipient, notify: null, orcpt: null, state: 'queued' as const, attempt: 0 },
      ...{
        leaseHolder: null,
        dueInMs: 0,
        waitsFor: null,
        pinnedUpstream: null,
        reason: null,
        beginsInMs: null,
        event: null,
        ...changes,
      },
    })),
    attempts: [],
    event: 'accepted',
    repeatKey: null,
  };
}
