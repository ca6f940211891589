// What we put in front of accepted content: a trace field, and Message-ID and Date where they are missing. The content
// itself is never touched.
import type { Header } from '../src/mail/header.ts';
import { countFields } from '../src/mail/header.ts';
import type { MessageId, Submission } from '../src/mail/submission.ts';

export type TraceOptions = {
  readonly messageId: MessageId;
  readonly internetMessageId: string;
  readonly hostname: string;
  readonly now: number;
};

/** Message-ID and Date where they are missing; complete fields, each with its CRLF. */
export function missingFields(header: Header, { internetMessageId, now }: TraceOptions): string {
  const id = countFields(header, 'message-id') === 0 ? `Message-ID: <${internetMessageId}>\r\n` : '';
  const date = countFields(header, 'date') === 0 ? `Date: ${formatDate(now)}\r\n` : '';
  return id + date;
}

/** What the header of the content is preceded by: ends with an empty line when the content has no header of its own. */
export function endOfTrace(header: Header): string {
  return header.beginsWithField ? '' : '\r\n';
}

/** The Message-ID that we give to mail that came without one. */
export function madeMessageId(messageId: MessageId, hostname: string): string {
  return `${messageId.toLowerCase()}@${hostname}`;
}

/** RFC 5321 section 4.4. The recipient is not named: with several, that would tell each of the others. */
export function receivedField({ session }: Submission, { messageId, hostname, now }: TraceOptions): string {
  const from = `${sanitise(session.clientName)} (${addressLiteral(session.remoteAddress)})`;
  const by = `by ${hostname} with ${session.protocol} id ${messageId}`;
  return `Received: from ${from}\r\n\t${by};\r\n\t${formatDate(now)}\r\n`;
}

function addressLiteral(address: string): string {
  return address.includes(':') ? `[IPv6:${address}]` : `[${address}]`;
}

/** EHLO's argument is the client's word; only what cannot break out of the field is repeated. */
function sanitise(clientName: string): string {
  return clientName.replace(/[^\w.:[\]-]/g, '?').slice(0, 255) || 'unknown';
}

/** RFC 5322 section 3.3, in UTC. */
export function formatDate(now: number): string {
  return new Date(now).toUTCString().replace('GMT', '+0000');
}
