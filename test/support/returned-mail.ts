// Mail as it comes back: delivery status notifications, complaints and letters from people; and messages of ours that it
// can be about, put into the database as if they had been sent.
import type { MessageId } from '../../src/mail/submission.ts';
import { newId } from '../../src/platform/id.ts';
import type { TestDatabase } from './database.ts';

export type Told = {
  /** Where it is sent to: our return path. */
  to: string;
  recipient: string;
  status?: string;
  diagnostic?: string;
  action?: string;
  originalRecipient?: string;
  envelopeId?: string;
  /** Of the returned message. */
  messageId?: string;
  received?: string;
  /** Of the report itself. */
  reportId?: string;
};

let count = 0;

/** RFC 3464, as Postfix writes it. */
export function dsn(told: Told): Buffer {
  const { to, recipient, status = '5.1.1', action = 'failed' } = told;
  const { diagnostic = `smtp; 550 ${status} <${recipient}>: Recipient address rejected: User unknown` } = told;
  count += 1;
  return crlf([
    `Return-Path: <>`,
    `Received: by mx.example.net (Postfix) id 4ABC; Mon, 23 Nov 2026 12:00:0${count % 10} +0000 (UTC)`,
    `Date: Mon, 23 Nov 2026 12:00:00 +0000 (UTC)`,
    `From: MAILER-DAEMON@mx.example.net (Mail Delivery System)`,
    `Subject: Undelivered Mail Returned to Sender`,
    `To: ${to}`,
    `Auto-Submitted: auto-replied`,
    `MIME-Version: 1.0`,
    `Content-Type: multipart/report; report-type=delivery-status; boundary="B/mx"`,
    `Message-Id: <${told.reportId ?? `report-${process.pid}-${count}`}@mx.example.net>`,
    ``,
    `--B/mx`,
    `Content-Description: Notification`,
    `Content-Type: text/plain; charset=us-ascii`,
    ``,
    `This is the mail system at host mx.example.net.`,
    ``,
    `I'm sorry to have to inform you that your message could not be delivered.`,
    ``,
    `<${recipient}>: ${diagnostic.replace(/^smtp; /, '')}`,
    ``,
    `--B/mx`,
    `Content-Description: Delivery report`,
    `Content-Type: message/delivery-status`,
    ``,
    `Reporting-MTA: dns; mx.example.net`,
    ...(told.envelopeId ? [`Original-Envelope-Id: ${told.envelopeId}`] : []),
    `Arrival-Date: Mon, 23 Nov 2026 11:59:00 +0000 (UTC)`,
    ``,
    `Final-Recipient: rfc822; ${recipient}`,
    ...(told.originalRecipient ? [`Original-Recipient: rfc822;${told.originalRecipient}`] : []),
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: ${diagnostic}`,
    ``,
    `--B/mx`,
    `Content-Description: Undelivered Message Headers`,
    `Content-Type: text/rfc822-headers`,
    ``,
    ...(told.received ? [`Received: ${told.received}`] : []),
    `Message-ID: <${told.messageId ?? 'original@app.example'}>`,
    `From: app@example.com`,
    `To: ${recipient}`,
    `Subject: hello`,
    ``,
    `--B/mx--`,
    ``,
  ]);
}

/** RFC 5965. */
export function complaint(told: { to: string; returnPath: string; recipient: string; type?: string }): Buffer {
  count += 1;
  return crlf([
    `From: <abuse@isp.example>`,
    `To: ${told.to}`,
    `Date: Mon, 23 Nov 2026 12:00:00 +0000`,
    `Subject: FW: hello`,
    `Message-ID: <arf-${process.pid}-${count}@isp.example>`,
    `MIME-Version: 1.0`,
    `Content-Type: multipart/report; report-type=feedback-report; boundary="A"`,
    ``,
    `--A`,
    `Content-Type: text/plain`,
    ``,
    `This is an email abuse report.`,
    `--A`,
    `Content-Type: message/feedback-report`,
    ``,
    `Feedback-Type: ${told.type ?? 'abuse'}`,
    `User-Agent: SomeGenerator/1.0`,
    `Version: 1`,
    `Original-Rcpt-To: <${told.recipient}>`,
    ``,
    `--A`,
    `Content-Type: message/rfc822`,
    ``,
    `Return-Path: <${told.returnPath}>`,
    `From: <app@example.com>`,
    `To: <${told.recipient}>`,
    `Subject: hello`,
    `Message-ID: <original@app.example>`,
    ``,
    `hello`,
    `--A--`,
    ``,
  ]);
}

/** What a person wrote to the same mailbox. */
export function letter(subject = 'lunch'): Buffer {
  count += 1;
  return crlf([
    `From: Ann <ann@example.org>`,
    `To: bounces@example.com`,
    `Subject: ${subject}`,
    `Message-ID: <letter-${process.pid}-${count}@example.org>`,
    ``,
    `Are you free at noon?`,
    ``,
  ]);
}

function crlf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.join('\r\n'));
}

export type Sent = {
  recipients: readonly string[];
  stream?: 'transactional' | 'bulk';
  tenantId?: string;
  internetMessageId?: string;
  acceptedAt?: Date;
  state?: string;
};

/** A message that an upstream took for all its recipients. */
export async function putSent(database: Pick<TestDatabase, 'rows'>, sent: Sent): Promise<MessageId> {
  const {
    recipients,
    stream = 'transactional',
    tenantId = 'default',
    acceptedAt = new Date(),
    state = 'delivered',
  } = sent;
  const messageId = newId(Date.now()) as MessageId;
  await database.rows(
    `insert into messages (message_id, tenant_id, credential_id, credential_name, stream, reverse_path, body, smtp_utf8,
       internet_message_id, trace_header, size, remote_address, accepted_at, expires_at)
     values ($1, $2, 'c', 'app', $3, 'app@example.com', '7BIT', false, $4, '', 1, '127.0.0.1', $5, $5)`,
    ...[messageId, tenantId, stream, sent.internetMessageId ?? `${messageId}@app.example`, acceptedAt],
  );
  for (const [n, recipient] of recipients.entries()) {
    await database.rows(
      `insert into deliveries (message_id, n, recipient, recipient_key, state) values ($1, $2, $3, lower($3), $4)`,
      ...[messageId, n, recipient, state],
    );
  }
  return messageId;
}
