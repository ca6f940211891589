// A notification as its readers find it: mailparser, and our own reader of returned mail.
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { explainReport, parseReport } from '../../../bounce/index.ts';
import { buildReport, type Original, type ReportOptions } from '../../../relay/dsn/report.ts';
import type { RecipientStatus } from '../../../relay/dsn/status.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const DSN_ID = '01KAR0000000000000000000ZZ';

const GONE: RecipientStatus = {
  ...{ recipient: 'gone@x.example', orcpt: null, action: 'failed', status: '5.1.1', remoteMta: '192.0.2.1' },
  ...{ said: { type: 'smtp', text: '550 5.1.1 no such user' }, lastAttemptAt: new Date(NOW), willRetryUntil: null },
  isSuppressed: false,
};
const CONTENT = Buffer.from(
  'Message-ID: <order-1@app.example>\r\nFrom: app@example.com\r\nTo: gone@x.example\r\nSubject: Your order\r\n\r\nThanks.\r\n',
);
const original = (changes: Partial<Original> = {}): Original => ({
  ...{ messageId: '01KAR0000000000000000000AA', reversePath: 'app@example.com', envid: null, smtpUtf8: false },
  ...{ internetMessageId: 'order-1@app.example', subject: 'Your order', acceptedAt: new Date(NOW - 60_000) },
  ...{ bytes: CONTENT, isWhole: true, ...changes },
});
const options = (changes: Partial<ReportOptions> = {}): ReportOptions => ({
  ...{ kind: 'failure', recipients: [GONE], original: original(), returnsAll: false },
  ...{ from: 'MAILER-DAEMON@gateway.test', hostname: 'gateway.test', messageId: DSN_ID, now: NOW },
  ...{ internetMessageId: `${DSN_ID.toLowerCase()}@gateway.test`, ...changes },
});
const text = (changes: Partial<ReportOptions> = {}) => buildReport(options(changes)).content.toString('latin1');

it('a failure, byte for byte (RFC 3464 section 2, RFC 6522)', () => {
  const changes = {
    original: original({ envid: 'QQ+3D1' }),
    recipients: [{ ...GONE, orcpt: 'rfc822;go+2Bne@x.example' }],
  };
  expect(text(changes).split('\r\n')).toEqual([
    'From: Mail Delivery System <MAILER-DAEMON@gateway.test>',
    'To: <app@example.com>',
    'Subject: Not delivered: Your order',
    'Date: Mon, 23 Nov 2026 12:00:00 +0000',
    'Message-ID: <01kar0000000000000000000zz@gateway.test>',
    'In-Reply-To: <order-1@app.example>',
    'References: <order-1@app.example>',
    'Auto-Submitted: auto-replied',
    'X-Auto-Response-Suppress: All',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
    `\tboundary="=_${DSN_ID}"`,
    '',
    `--=_${DSN_ID}`,
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 7bit',
    '',
    'This is the mail gateway at gateway.test.',
    '',
    'Your message could not be delivered to:',
    '',
    '  gone@x.example',
    '    192.0.2.1 said: 550 5.1.1 no such user',
    '',
    'What you can do',
    '  There is no such address, as the other server says. Check its spelling.',
    '',
    'The message',
    '  Subject: Your order',
    '  Given to us: Mon, 23 Nov 2026 11:59:00 +0000',
    '  Message-ID: <order-1@app.example>',
    '  Our number for it, should you ask us: 01KAR0000000000000000000AA',
    '',
    `--=_${DSN_ID}`,
    'Content-Type: message/delivery-status',
    'Content-Transfer-Encoding: 7bit',
    '',
    'Reporting-MTA: dns; gateway.test',
    'Original-Envelope-Id: QQ=1',
    'Arrival-Date: Mon, 23 Nov 2026 11:59:00 +0000',
    'X-Postern-Message-Id: 01KAR0000000000000000000AA',
    '',
    'Original-Recipient: rfc822; go+ne@x.example',
    'Final-Recipient: rfc822; gone@x.example',
    'Action: failed',
    'Status: 5.1.1',
    'Remote-MTA: dns; [192.0.2.1]',
    'Diagnostic-Code: smtp; 550 5.1.1 no such user',
    'Last-Attempt-Date: Mon, 23 Nov 2026 12:00:00 +0000',
    '',
    `--=_${DSN_ID}`,
    'Content-Type: text/rfc822-headers',
    'Content-Transfer-Encoding: 7bit',
    '',
    'Message-ID: <order-1@app.example>',
    'From: app@example.com',
    'To: gone@x.example',
    'Subject: Your order',
    '',
    `--=_${DSN_ID}--`,
    '',
  ]);
});

describe('our own reader of returned mail', () => {
  const action = (kind: ReportOptions['kind'], changes: Partial<RecipientStatus>) => {
    const { content } = buildReport(options({ kind, recipients: [{ ...GONE, ...changes }] }));
    const { kind: read, results } = explainReport(content);
    return [read, results.map(one => `${one.recipient} ${one.action} ${one.status} ${one.reason}`)];
  };

  it.each<[string, ReportOptions['kind'], Partial<RecipientStatus>, string]>([
    ['no such user', 'failure', {}, 'failed 5.1.1 no_mailbox'],
    [
      'expired',
      'failure',
      { status: '4.4.7', said: { type: 'X-Postern', text: 'connect ECONNREFUSED 192.0.2.1:25' } },
      'expired 4.4.7 expired',
    ],
    [
      'late',
      'delay',
      { action: 'delayed', status: '4.2.2', said: { type: 'smtp', text: '452 4.2.2 full' } },
      'delayed 4.2.2',
    ],
    [
      'passed on',
      'success',
      { action: 'relayed', status: '2.0.0', said: { type: 'smtp', text: '250 ok' } },
      'relayed 2.0.0',
    ],
    ['arrived', 'success', { action: 'delivered', status: '2.1.5', said: null }, 'delivered 2.1.5'],
  ])('reads %s', (_what, kind, changes, expected) => {
    const [read, results] = action(kind, changes);
    expect(read).toBe('dsn');
    expect(results).toEqual([expect.stringContaining(`gone@x.example ${expected}`)]);
  });

  it('does not take a suppressed recipient for a dead address', () => {
    const said = { type: 'X-Postern', text: 'on the suppression list: hard-bounce' } as const;
    const { content } = buildReport(options({ recipients: [{ ...GONE, status: '5.7.1', said, isSuppressed: true }] }));
    expect(explainReport(content).results).toMatchObject([{ status: '5.7.1', hard: false }]);
  });

  it('finds each of several recipients', () => {
    const recipients = ['a', 'b', 'c'].map(name => ({ ...GONE, recipient: `${name}@x.example` }));
    const { content } = buildReport(options({ recipients }));
    expect(parseReport(content).recipients.map(({ recipient }) => recipient)).toEqual([
      ...['a@x.example', 'b@x.example', 'c@x.example'],
    ]);
  });

  it('finds the message that it is about', () => {
    const { envelopeId, original: returned } = parseReport(
      buildReport(options({ original: original({ envid: 'order+2B1' }) })).content,
    );
    expect([envelopeId, returned?.messageId]).toEqual(['order+1', '<order-1@app.example>']);
  });
});

describe('what is returned (RFC 3461 section 4.3)', () => {
  const returned = (changes: Partial<ReportOptions>) => text(changes).split(`--=_${DSN_ID}`)[3]!.trim();

  it('is the header, unless all of it is asked for', () => {
    expect(returned({})).toMatch(/^Content-Type: text\/rfc822-headers\r\n/);
    expect(returned({})).not.toContain('Thanks.');
    expect(returned({ returnsAll: true })).toBe(
      `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n${CONTENT.toString().trim()}`,
    );
  });

  it('is the header where all is asked for and only its beginning is there', () => {
    expect(returned({ returnsAll: true, original: original({ isWhole: false }) })).not.toContain('Thanks.');
  });

  it('of 8-bit mail goes as 8-bit mail, and is not encoded anew (RFC 2046 section 5.2.1)', () => {
    const bytes = Buffer.from('Subject: x\r\n\r\nGr\xfc\xdfe\r\n', 'latin1');
    const report = buildReport(options({ returnsAll: true, original: original({ bytes }) }));
    expect(report.body).toBe('8BITMIME');
    expect(report.content.includes(bytes)).toBe(true);
    expect(report.content.toString('latin1')).toContain('message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n');
  });

  it('of a header that does not end are the fields that are whole', () => {
    const bytes = Buffer.from(`Subject: x\r\n${'X-Long: a\r\n'.repeat(10_000)}`);
    const header = returned({ original: original({ bytes, isWhole: false }) });
    expect(header.length).toBeLessThan(64_200);
    expect(header.endsWith('X-Long: a')).toBe(true);
  });
});

describe('addresses that are not ASCII (RFC 6533)', () => {
  const umlaut = { ...GONE, recipient: 'jörg@x.example' };

  it('are told in UTF-8 to whoever sent with SMTPUTF8', () => {
    const { content, smtpUtf8, body } = buildReport(
      options({ recipients: [umlaut], original: original({ smtpUtf8: true, reversePath: 'ä@x.example' }) }),
    );
    const written = content.toString();
    expect([smtpUtf8, body]).toEqual([true, '8BITMIME']);
    expect(written).toContain('To: <ä@x.example>');
    expect(written).toContain('message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit');
    expect(written).toContain('Final-Recipient: utf-8; jörg@x.example');
    expect(parseReport(content).recipients).toMatchObject([{ finalRecipient: 'jörg@x.example' }]);
  });

  it('are escaped for everybody else', () => {
    const { content, smtpUtf8, body } = buildReport(options({ recipients: [umlaut] }));
    expect([smtpUtf8, body]).toEqual([false, '7BIT']);
    expect(content.toString()).toContain('message/delivery-status\r\n');
    expect(content.toString()).toContain('Final-Recipient: utf-8; j\\x{F6}rg@x.example');
  });

  it('do not make the mail SMTPUTF8 where its header is ASCII (RFC 6533 section 5)', () => {
    expect(buildReport(options({ recipients: [umlaut], original: original({ smtpUtf8: true }) })).smtpUtf8).toBe(false);
  });
});

it('shows people the subject as it was written, and in the field too', async () => {
  const subject = '=?utf-8?Q?Gr=C3=BC=C3=9Fe_=0D=0ABcc:_x?=';
  const report = buildReport(options({ original: original({ subject }) }));
  const parsed = await simpleParser(report.content);
  expect(parsed.subject).toBe('Not delivered: Grüße  Bcc: x');
  expect(parsed.text).toContain('Subject: Grüße  Bcc: x');
  expect(report.content.toString().split('\r\n\r\n')[0]).not.toMatch(/^Bcc/m);
});

it('has a non-ASCII reply in full for people, and with question marks for programs', async () => {
  const said = { type: 'smtp', text: '550 5.1.1 Empfänger unbekannt' } as const;
  const { content } = buildReport(options({ recipients: [{ ...GONE, said }] }));
  expect((await simpleParser(content)).text).toContain('550 5.1.1 Empfänger unbekannt');
  expect(content.toString()).toContain('Diagnostic-Code: smtp; 550 5.1.1 Empf?nger unbekannt');
});

it('is well formed whatever others wrote: subject, reply, ids and header of any bytes', async () => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.constantFrom(
      '\r\n\r\n--=_x--\r\n',
      '\r\n.\r\n',
      'a\r\nStatus: 2.0.0\r\n\r\nFinal-Recipient: rfc822; z@z.example',
      '='.repeat(2_000),
    ),
  );
  const property = fc.asyncProperty(
    fc.record({ subject: anything, reply: anything, envid: anything, id: anything, smtpUtf8: fc.boolean() }),
    fc.uint8Array({ maxLength: 400 }),
    fc.boolean(),
    async ({ subject, reply, envid, id, smtpUtf8 }, bytes, returnsAll) => {
      // As the door leaves it: lines end in CRLF.
      const content = Buffer.from(
        Buffer.from(bytes)
          .toString('latin1')
          .replaceAll(/[\r\n\0]/g, '\r\n'),
        'latin1',
      );
      const report = buildReport(
        options({
          recipients: [{ ...GONE, said: { type: 'smtp', text: `550 5.1.1 ${reply}` } }],
          original: original({
            subject,
            internetMessageId: id,
            envid: envid.replaceAll(/[^!-~]/g, ''),
            smtpUtf8,
            bytes: content,
          }),
          returnsAll,
        }),
      );
      const { kind, recipients } = parseReport(report.content);
      expect(kind).toBe('dsn');
      expect(recipients).toMatchObject([{ finalRecipient: 'gone@x.example', status: '5.1.1', action: 'failed' }]);
      const parsed = await simpleParser(report.content);
      expect(parsed.to).toMatchObject({ value: [{ address: 'app@example.com' }] });
      expect(parsed.headers.get('auto-submitted')).toBe('auto-replied');
      expect(parsed.text).toContain('This is the mail gateway at gateway.test.');
      // No line end of another kind, no NUL, and nothing of 8 bits where it is said to be 7.
      const wire = report.content.toString('latin1');
      expect(wire.replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/);
      if (report.body === '7BIT') expect(wire).toMatch(/^[\x00-\x7f]*$/);
      const [header] = wire.split('\r\n\r\n');
      for (const line of header!.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998);
      if (!report.smtpUtf8) expect(header).toMatch(/^[\x09\x0d\x0a\x20-\x7e]*$/);
    },
  );
  await fc.assert(property, { numRuns: 200 });
});
