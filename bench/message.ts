// The messages that the generator sends: written once, then only their number is patched in place, so that sending
// costs the generator a socket write and nothing else. Every number is unique within a run and travels in the header
// `X-Bench`, by which the sink recognises the message, in the Message-ID and in the recipient's address (a relay that
// caches per recipient shall not look better than it is).
import { command, type Reply, type SmtpSession } from './smtp-session.ts';

export const SENDER_DOMAIN = 'bench.example';
const RECIPIENT_DOMAIN = 'rcpt.example';
const DIGITS = 9;
const BLANK = '#'.repeat(DIGITS);
const LINE = 'The quick brown fox jumps over the lazy dog while the relay keeps every one.\r\n';

export interface Message {
  readonly commands: readonly Buffer[];
  /** The same commands in one buffer, for a client that pipelines. */
  readonly group: Buffer;
  readonly content: Buffer;
}

/** A message of so many bytes, header included. It belongs to one session: see `numberMessage`. */
export function writeMessage(bytes: number, recipients: number, domain = RECIPIENT_DOMAIN): Message {
  const group = Buffer.concat(envelope(recipients, domain));
  return { group, commands: splitLines(group), content: Buffer.from(contentOf(bytes, domain), 'latin1') };
}

/** Gives the message its next number. Only after the reply to the last use, since the socket may still read from it. */
export function numberMessage(message: Message, number: number): void {
  const digits = String(number).padStart(DIGITS, '0');
  for (const buffer of [message.group, message.content]) patchBlanks(buffer, digits);
}

/** One SMTP transaction. Answers with the relay's last word: 250 after the content, or the first refusal. */
export async function submit(session: SmtpSession, message: Message, isPipelined: boolean): Promise<Reply> {
  const steps = isPipelined ? [message.group] : message.commands;
  for (const step of steps) {
    const reply = await session.exchange(step, isPipelined ? message.commands.length : 1);
    if (reply.code >= 400) return reply;
  }
  return session.exchange(message.content);
}

function envelope(recipients: number, domain: string): Buffer[] {
  const rcpt = (index: number) => command(`RCPT TO:<u${BLANK}.${index}@${domain}>`);
  return [
    command(`MAIL FROM:<app@${SENDER_DOMAIN}>`),
    ...Array.from({ length: recipients }, (_, index) => rcpt(index)),
    command('DATA'),
  ];
}

function contentOf(bytes: number, domain: string): string {
  const header = [
    `From: Bench <app@${SENDER_DOMAIN}>`,
    `To: <u${BLANK}.0@${domain}>`,
    'Subject: A message of the bench',
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${BLANK}@${SENDER_DOMAIN}>`,
    `X-Bench: ${BLANK}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '\r\n',
  ].join('\r\n');
  const lines = Math.max(1, Math.round((bytes - header.length) / LINE.length));
  return `${header}${LINE.repeat(lines)}.\r\n`;
}

/** Views on the group's memory, so that patching the group patches them. */
function splitLines(group: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < group.length; ) {
    const end = group.indexOf('\n', start) + 1;
    lines.push(group.subarray(start, end));
    start = end;
  }
  return lines;
}

const blanksOf = new WeakMap<Buffer, number[]>();

function patchBlanks(buffer: Buffer, digits: string): void {
  let offsets = blanksOf.get(buffer);
  if (!offsets) {
    offsets = [];
    for (let at = buffer.indexOf(BLANK); at >= 0; at = buffer.indexOf(BLANK, at + DIGITS)) offsets.push(at);
    blanksOf.set(buffer, offsets);
  }
  for (const offset of offsets) buffer.write(digits, offset, DIGITS, 'latin1');
}
