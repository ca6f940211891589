import { expect, it } from 'vitest';
import { readPostmarkEvents } from '../../../bounce/events/postmark.ts';
import { readSesEvents } from '../../../bounce/events/ses.ts';
import { asReported, type ProviderEvent } from '../../../bounce/index.ts';
import { postmarkBounce, postmarkRecord, sesBounce, sesComplaint, sesEvent } from './payloads.ts';

const RECEIVED = new Date('2026-11-20T10:00:05Z');
const ses = (payload: unknown) => readSesEvents(payload, null, RECEIVED);
const postmark = (payload: unknown) => readPostmarkEvents(payload, null, RECEIVED);
const UNSUBSCRIBED = { SuppressSending: true, SuppressionReason: 'ManualSuppression', Origin: 'Recipient' };

it.each<[string, ProviderEvent[], string]>([
  ['a dead address', ses(sesBounce()), 'failed no_mailbox hard'],
  ['words against which the provider stands', ses(sesBounce({ bounceType: 'Transient' })), 'failed no_mailbox soft'],
  ['a word of the provider alone', postmark(postmarkBounce({ Details: '' })), 'failed no_mailbox hard'],
  ['a delay', postmark(postmarkBounce({ Type: 'Transient' })), 'delayed no_mailbox soft'],
  ['a complaint', ses(sesComplaint()), 'complaint complaint none abuse'],
  [
    'failed authentication',
    ses(sesComplaint({ complaintFeedbackType: 'auth-failure' })),
    'complaint auth_failure none auth-failure',
  ],
  ['delivery', ses(sesEvent('Delivery', 'delivery', { recipients: ['ada@example.net'] })), 'delivered delivered none'],
  [
    'unsubscribing',
    postmark(postmarkRecord('SubscriptionChange', { Recipient: 'ada@example.net', ...UNSUBSCRIBED })),
    'complaint complaint none opt-out',
  ],
  ['what was never sent', ses(sesBounce({ bounceSubType: 'Suppressed' })), 'rejected unknown none'],
])('%s', (_title, events, expected) => {
  const told = events
    .flatMap(asReported)
    .map(({ reported, verdict }) => [reported.action, verdict.reason, verdict.kind, reported.feedbackType]);
  expect(told.map(one => one.filter(Boolean).join(' ')).join()).toBe(expected);
});

it('keeps whom we mailed apart from where it ended', () => {
  const [forwarded] = ses(sesBounce({}, { emailAddress: 'ada.old@forwarded.example' })).flatMap(asReported);
  expect(forwarded!.reported).toMatchObject({
    ...{ recipient: 'ada@example.net', originalRecipient: 'ada@example.net' },
    ...{ finalRecipient: 'ada.old@forwarded.example', status: '5.1.1', replyCode: '550' },
  });
});

it('says when nobody knows which of several complained', () => {
  const complainedRecipients = [{ emailAddress: 'ada@example.net' }, { emailAddress: 'bob@example.net' }];
  const both = ses(sesComplaint({ complainedRecipients })).flatMap(asReported);
  expect(both.map(({ isCertain }) => isCertain)).toEqual([false, false]);
});
