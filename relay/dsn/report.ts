// The bytes of a delivery status notification: multipart/report (RFC 6522) with a text for people, the status fields for
// programs (RFC 3464) and what is returned of the message. Pure, and never throws, whatever others wrote into it.
import { scanHeader } from '../../src/mail/header.ts';
import { decodeWords } from '../control-headers/encoded-words.ts';
import { formatDate } from '../transforms.ts';
import { fieldText, isAscii, quotedPrintable } from './encodings.ts';
import type { RecipientStatus } from './status.ts';
import { statusPart } from './status-fields.ts';
import type { DsnKind } from './wanted.ts';
import { TITLES, tellPeople } from './words.ts';

export type Original = {
  readonly messageId: string;
  readonly reversePath: string;
  readonly envid: string | null;
  readonly smtpUtf8: boolean;
  readonly internetMessageId: string | null;
  readonly subject: string | null;
  readonly acceptedAt: Date;
  /** As it leaves the house; its beginning, unless `isWhole`. */
  readonly bytes: Buffer;
  readonly isWhole: boolean;
};

export type ReportOptions = {
  readonly kind: DsnKind;
  /** One at the least. */
  readonly recipients: readonly RecipientStatus[];
  readonly original: Original;
  /** Whether all of it is returned (RET=FULL), where all of it is there. */
  readonly returnsAll: boolean;
  readonly from: string;
  readonly hostname: string;
  /** Ours, of the notification. */
  readonly messageId: string;
  readonly internetMessageId: string;
  readonly now: number;
};

export type Report = {
  readonly content: Buffer;
  readonly subject: string;
  readonly headerFrom: string;
  readonly body: '7BIT' | '8BITMIME';
  readonly smtpUtf8: boolean;
};

/** Of the header, that is returned; more of one is an attack, or a mistake. */
const MAX_HEADER_BYTES = 64_000;
const MAX_SUBJECT = 150;
/** RFC 5322 section 2.1.1. */
const LONG_LINE = /[^\r\n]{999}/;

type Part = { readonly type: string; readonly encoding: '7bit' | '8bit' | 'quoted-printable'; readonly bytes: Buffer };

export function buildReport(options: ReportOptions): Report {
  const { kind, recipients, original, hostname, now } = options;
  const { messageId, envid, internetMessageId } = original;
  const subject = legible(original.subject);
  const words = tellPeople({
    kind,
    hostname,
    recipients,
    subject,
    internetMessageId,
    messageId,
    sentAt: original.acceptedAt,
  });
  const fields = statusPart(
    { hostname, envid, messageId, recipients, arrivedAt: original.acceptedAt },
    original.smtpUtf8,
  );
  const parts: Part[] = [
    { type: 'text/plain; charset=utf-8', ...readable(Buffer.from(words)) },
    { type: fields.type, encoding: isAscii(fields.text) ? '7bit' : '8bit', bytes: Buffer.from(fields.text) },
    options.returnsAll && original.isWhole ? returnedWhole(original) : returnedHeader(original),
  ];
  // Base 32 of a new id, and `_`, which neither encoding lets stand behind `=`: in nothing that was written before.
  const boundary = `=_${options.messageId}`;
  const title = titleOf(kind, subject);
  const headerFrom = `Mail Delivery System <${options.from}>`;
  const header = [
    `From: ${headerFrom}`,
    `To: <${original.reversePath}>`,
    `Subject: ${fieldText(title)}`,
    `Date: ${formatDate(now)}`,
    `Message-ID: <${options.internetMessageId}>`,
    ...threadFields(internetMessageId),
    'Auto-Submitted: auto-replied',
    'X-Auto-Response-Suppress: All',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
    `\tboundary="${boundary}"`,
    ...(parts.some(({ encoding }) => encoding === '8bit') ? ['Content-Transfer-Encoding: 8bit'] : []),
  ].join('\r\n');
  return {
    content: Buffer.concat([
      Buffer.from(`${header}\r\n\r\n`),
      ...parts.flatMap(part => written(part, boundary)),
      end(boundary),
    ]),
    ...{ subject: title, headerFrom },
    body: parts.some(({ encoding }) => encoding === '8bit') ? '8BITMIME' : '7BIT',
    smtpUtf8: !isAscii(header),
  };
}

function written({ type, encoding, bytes }: Part, boundary: string): Buffer[] {
  const head = `--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
  return [Buffer.from(head), bytes, Buffer.from('\r\n')];
}

const end = (boundary: string) => Buffer.from(`--${boundary}--\r\n`);

function titleOf(kind: DsnKind, subject: string | null): string {
  if (subject === null) return TITLES[kind];
  const cut = subject.length <= MAX_SUBJECT ? subject : `${subject.slice(0, MAX_SUBJECT).toWellFormed()}…`;
  return `${TITLES[kind]}: ${cut}`;
}

/** As a person wrote it; encoded words may hold line ends. null: nothing. */
function legible(subject: string | null): string | null {
  if (subject === null) return null;
  const decoded = decodeWords(subject) ?? subject;
  return (
    decoded
      .replaceAll(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
      .toWellFormed()
      .trim() || null
  );
}

/** Only what is one: whatever stands in the field goes back into one. */
function threadFields(internetMessageId: string | null): string[] {
  if (internetMessageId === null || !/^[\x21-\x3b\x3d\x3f-\x7e]{1,900}$/.test(internetMessageId)) return [];
  return [`In-Reply-To: <${internetMessageId}>`, `References: <${internetMessageId}>`];
}

/** As it stands where it can. */
function readable(bytes: Buffer): Pick<Part, 'encoding' | 'bytes'> {
  const text = bytes.toString('latin1');
  if (isAscii(text) && !LONG_LINE.test(text)) {
    return { encoding: '7bit', bytes: Buffer.from(text.replaceAll(/\r?\n/g, '\r\n'), 'latin1') };
  }
  return { encoding: 'quoted-printable', bytes: quotedPrintable(bytes) };
}

/** A message may not be encoded again (RFC 2046 section 5.2.1), only told to be 8bit. */
function returnedWhole({ bytes, smtpUtf8 }: Original): Part {
  const isPlain = isAscii(bytes.toString('latin1'));
  const type = smtpUtf8 && !isPlain ? 'message/global' : 'message/rfc822';
  return { type, encoding: isPlain ? '7bit' : '8bit', bytes };
}

function returnedHeader({ bytes, smtpUtf8 }: Original): Part {
  const header = scanHeader(bytes.subarray(0, MAX_HEADER_BYTES));
  // A field that the limit cut is left out.
  const isCut = header.length >= MAX_HEADER_BYTES;
  const fields = bytes.subarray(0, isCut ? (header.fields.at(-1)?.start ?? 0) : header.length);
  const isGlobal = smtpUtf8 && !isAscii(fields.toString('latin1'));
  return { type: isGlobal ? 'message/global-headers' : 'text/rfc822-headers', ...readable(fields) };
}
