import { describe, expect, test } from 'vitest';
import { explainReport, parseReport } from '../../bounce/index.ts';

function feedback(fields: string, returned = 'From: me@x.org\nTo: joe@example.org\nMessage-ID: <1@x.org>'): Buffer {
  return Buffer.from(
    `From: fbl@isp.example\nSubject: FW: hello\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nabuse report\n--b\nContent-Type: message/feedback-report\n\n${fields}\n\n--b\nContent-Type: message/rfc822\n\n${returned}\n\nhi\n--b--\n`,
  );
}

const brief = (bytes: Buffer): unknown[] =>
  explainReport(bytes).results.map(one => [one.recipient, one.action, one.reason, one.hard, one.feedbackType]);

describe('RFC 5965: feedback reports', () => {
  test('3.2: several Original-Rcpt-To', () => {
    const bytes = feedback('Feedback-Type: abuse\nOriginal-Rcpt-To: <a@x.org>\nOriginal-Rcpt-To: b@x.org');
    expect(brief(bytes)).toEqual([
      ['a@x.org', 'complaint', 'complaint', false, 'abuse'],
      ['b@x.org', 'complaint', 'complaint', false, 'abuse'],
    ]);
  });

  test('without recipient fields the returned header tells', () => {
    expect(brief(feedback('Feedback-Type: abuse'))).toEqual([
      ['joe@example.org', 'complaint', 'complaint', false, 'abuse'],
    ]);
  });

  test('a VERP return path tells more than the header', () => {
    const bytes = feedback('Feedback-Type: abuse\nOriginal-Mail-From: <bounce+ann=example.org@x.org>');
    expect(brief(bytes)[0]).toEqual(['ann@example.org', 'complaint', 'complaint', false, 'abuse']);
  });

  test('not-spam is praise', () => {
    expect(explainReport(feedback('Feedback-Type: not-spam')).results).toEqual([]);
  });

  test('RFC 6591: an authentication failure says nothing about the recipient', () => {
    expect(brief(feedback('Feedback-Type: auth-failure\nAuth-Failure: dmarc'))[0]).toEqual([
      'joe@example.org',
      'complaint',
      'auth_failure',
      false,
      'auth-failure',
    ]);
  });

  test('the returned Message-ID is kept, to tie the report to what was sent', () => {
    expect(parseReport(feedback('Feedback-Type: abuse')).original?.messageId).toBe('<1@x.org>');
  });

  test("Hotmail's own form: X-HmXmrOriginalRecipient", () => {
    const message =
      'From: staff@hotmail.com\nSubject: complaint about message\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: <joe@hotmail.com>\nTo: x@y.org\n\nhi\n--b--\n';
    expect(brief(Buffer.from(message))).toEqual([['joe@hotmail.com', 'complaint', 'complaint', false, 'abuse']]);
  });
});

describe('SES notifications by mail', () => {
  const notify = (notification: object): Buffer =>
    Buffer.from(
      `From: SES <no-reply@sns.amazonaws.com>\nSubject: AWS Notification Message\n\n${JSON.stringify(notification)}\n--\nIf you wish to stop\n`,
    );

  test('bounce, wrapped in the SNS envelope', () => {
    const bounce = {
      notificationType: 'Bounce',
      bounce: {
        bounceType: 'Permanent',
        bouncedRecipients: [
          { emailAddress: 'joe@example.org', status: '5.1.1', diagnosticCode: 'smtp; 550 5.1.1 user unknown' },
        ],
      },
    };
    const [one] = explainReport(notify({ Type: 'Notification', Message: JSON.stringify(bounce) })).results;
    expect(one).toMatchObject({ recipient: 'joe@example.org', reason: 'no_mailbox', hard: true, status: '5.1.1' });
  });

  test('complaint and delivery', () => {
    const complaint = explainReport(
      notify({
        notificationType: 'Complaint',
        complaint: { complainedRecipients: [{ emailAddress: 'joe@example.org' }] },
      }),
    );
    expect([complaint.kind, complaint.results[0]?.action]).toEqual(['arf', 'complaint']);
    const delivery = explainReport(
      notify({ notificationType: 'Delivery', delivery: { recipients: ['joe@example.org'], smtpResponse: '250 ok' } }),
    );
    expect(delivery.results[0]).toMatchObject({ action: 'delivered', reason: 'delivered', hard: false });
  });
});
