import { describe, expect, test } from 'vitest';
import { readDeliveryStatus } from '../../bounce/report/dsn.ts';
import { findReplyCodes, readStatus } from '../../bounce/report/reply-code.ts';

const brief = (text: string): string[] =>
  readDeliveryStatus(text, '').map(one => `${one.recipient} ${one.action} ${one.status} ${one.replyCode}`);

describe('RFC 3464 2.3: per-recipient fields', () => {
  test('several recipients, each with its own outcome', () => {
    const text =
      'Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@x.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no\n\nFinal-Recipient: rfc822; b@x.org\nAction: delayed\nStatus: 4.4.1\n';
    expect(brief(text)).toEqual(['a@x.org failed 5.1.1 550', 'b@x.org delayed 4.4.1 null']);
  });

  test('a blank line inside a group ends nothing', () => {
    expect(brief('Final-Recipient: rfc822; a@x.org\n\nAction: failed\n\nStatus: 5.1.1\n')).toEqual([
      'a@x.org failed 5.1.1 null',
    ]);
  });

  test('no blank line between groups', () => {
    const text =
      'Final-Recipient: rfc822; a@x.org\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822; b@x.org\nAction: failed\nStatus: 5.2.2\n';
    expect(brief(text)).toEqual(['a@x.org failed 5.1.1 null', 'b@x.org failed 5.2.2 null']);
  });

  test('the original recipient is the one that was mailed; both are kept', () => {
    const [one] = readDeliveryStatus(
      'Original-Recipient: rfc822;a@x.org\nFinal-Recipient: rfc822; b@y.org\nAction: failed\nStatus: 5.1.1',
      '',
    );
    expect([one?.recipient, one?.finalRecipient]).toEqual(['a@x.org', 'b@y.org']);
  });

  test.each([
    ['failure', 'failed'],
    ['Failed (permanent)', 'failed'],
    ['error', 'failed'],
    ['delayed', 'delayed'],
    ['relayed', 'relayed'],
    ['deliverable', 'delivered'],
    ['expanded', 'expanded'],
  ])('Action: %s', (written, action) => {
    expect(
      readDeliveryStatus(`Final-Recipient: rfc822; a@x.org\nAction: ${written}\nStatus: 5.0.0`, '')[0]?.action,
    ).toBe(action);
  });

  test.each(['<a@x.org>', 'rfc822; <a@x.org>', 'RFC822;a@x.org (Joe)', 'rfc822; @relay:a@x.org', '"a@x.org"'])(
    'Final-Recipient: %s',
    value => {
      expect(readDeliveryStatus(`Final-Recipient: ${value}\nAction: failed\nStatus: 5.1.1`, '')[0]?.recipient).toBe(
        'a@x.org',
      );
    },
  );

  test('a status of x.0.0 gives way to the code in the reply', () => {
    expect(
      brief('Final-Recipient: rfc822; a@x.org\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.2.2 full'),
    ).toEqual(['a@x.org failed 5.2.2 550']);
  });
});

describe('codes in free text', () => {
  test.each([
    ['host mx[192.0.2.1] said: 550 5.1.1 <a@b>: no', '550', '5.1.1'],
    ['550-5.7.26 This mail has been blocked 550 5.7.26 see', '550', '5.7.26'],
    ['Sorry, no mailbox here by that name. (#5.1.1)', null, '5.1.1'],
    ['#550 5.1.10 RESOLVER.ADR.RecipientNotFound', '550', '5.1.10'],
    ['ERROR_CODE :550, ERROR_CODE :5.1.1', '550', '5.1.1'],
    ['[SMTP Error Code 550]', '550', null],
    ['Internet Mail Service (5.5.2653.19) on 192.0.2.1, 500 bytes, in 540 minutes', null, null],
    ['Postfix v2.5.1 and 5.1.2.3', null, null],
  ])('%s', (text, replyCode, status) => {
    expect(findReplyCodes(text)).toEqual({ replyCode, status });
  });

  test.each([
    ['5.1.1', '5.1.1'],
    ['5.1.1 (bad mailbox)', '5.1.1'],
    ['(5.2.2)', '5.2.2'],
    ['5.1.1.1', null],
    ['', null],
  ])('Status: %s', (value, status) => {
    expect(readStatus(value)).toBe(status);
  });
});
