import { describe, expect, it } from 'vitest';
import { endOfTrace, missingFields, receivedField } from '../../relay/transforms.ts';
import { scanHeader } from '../../src/mail/header.ts';
import type { MessageId, Session, Submission } from '../../src/mail/submission.ts';

const ID = '01HF7YAT00ABCDEFGHJKMNPQRS' as MessageId;
const NOW = Date.UTC(2026, 10, 3, 4, 5, 6);

function trace(content: string, session: Partial<Session> = {}): string {
  const submission = {
    session: {
      ...{ remoteAddress: '192.0.2.7', clientName: 'app.example', protocol: 'ESMTPSA', authenticated: true },
      ...session,
    },
  } as Submission;
  const header = scanHeader(Buffer.from(content));
  const internetMessageId = `${ID.toLowerCase()}@gw.test`;
  const options = { messageId: ID, internetMessageId, hostname: 'gw.test', now: NOW };
  return receivedField(submission, options) + missingFields(header, options) + endOfTrace(header);
}

const RECEIVED = `Received: from app.example ([192.0.2.7])\r\n\tby gw.test with ESMTPSA id ${ID};\r\n\tTue, 03 Nov 2026 04:05:06 +0000\r\n`;
const MADE_ID = `Message-ID: <${ID.toLowerCase()}@gw.test>\r\n`;
const DATE = 'Date: Tue, 03 Nov 2026 04:05:06 +0000\r\n';

describe('the fields in front of a message', () => {
  it.each([
    ['Received alone when the rest is there', 'Message-ID: <a>\r\nDate: x\r\n\r\n', RECEIVED],
    ['Message-ID when missing', 'date: x\r\n\r\n', RECEIVED + MADE_ID],
    ['Date when missing', 'MESSAGE-ID: <a>\r\n\r\n', RECEIVED + DATE],
    ['an empty line when the content has no header', 'text\r\n', `${RECEIVED}${MADE_ID}${DATE}\r\n`],
    ['no second empty line', '\r\ntext\r\n', RECEIVED + MADE_ID + DATE],
    ['an empty line before nothing', '', `${RECEIVED}${MADE_ID}${DATE}\r\n`],
    ['no look at the body', 'Subject: x\r\n\r\nMessage-ID: <a>\r\nDate: x\r\n', RECEIVED + MADE_ID + DATE],
  ])('%s (RFC 5321 section 4.4)', (_name, content, expected) => {
    expect(trace(content)).toBe(expected);
  });

  it.each([
    ['IPv6', { remoteAddress: '2001:db8::1' }, 'from app.example ([IPv6:2001:db8::1])'],
    ['a name that would end the field', { clientName: 'x\r\nBcc: y (z' }, 'from x??Bcc:?y??z ([192.0.2.7])'],
    ['no name', { clientName: '' }, 'from unknown ([192.0.2.7])'],
    ['an endless name', { clientName: 'a'.repeat(2_000) }, `from ${'a'.repeat(255)} ([192.0.2.7])`],
  ])('repeat of the client only what is harmless: %s', (_name, session, expected) => {
    expect(trace('Message-ID: <a>\r\nDate: x\r\n\r\n', session).split('\r\n')[0]).toBe(`Received: ${expected}`);
  });
});
