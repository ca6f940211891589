// What each provider's events become: one table a provider, of what it says and what is made of it.
import { describe, expect, it } from 'vitest';
import { readMailgunEvents } from '../../../bounce/events/mailgun.ts';
import { readPostmarkEvents } from '../../../bounce/events/postmark.ts';
import type { ProviderEvent } from '../../../bounce/events/provider-event.ts';
import { readSendgridEvents } from '../../../bounce/events/sendgrid.ts';
import { readSesEvents } from '../../../bounce/events/ses.ts';
import {
  MESSAGE_ID,
  mailgunEvent,
  postmarkBounce,
  postmarkRecord,
  sendgridEvent,
  sesBounce,
  sesComplaint,
  sesEvent,
} from './payloads.ts';

const RECEIVED = new Date('2026-11-20T10:00:05Z');
const HAPPENED = new Date('2026-11-20T10:00:01.500Z');
const BLOCKED = '550 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org';
const FULL = '552 5.2.2 mailbox full';

/** `kind reason hard|soft`, or `-` for no event. */
const brief = (events: readonly ProviderEvent[]) =>
  events
    .map(({ kind, recipients }) => `${kind} ${recipients[0]!.reason} ${recipients[0]!.hard ? 'hard' : 'soft'}`)
    .join(', ') || '-';

describe('SES', () => {
  const read = (payload: unknown) => readSesEvents(payload, null, RECEIVED);

  it('tells a bounce with everything that leads back to the message', () => {
    const payload = sesBounce();
    expect(read(payload)).toEqual([
      {
        provider: 'ses',
        account: null,
        eventId: expect.stringMatching(/^[\w-]{32}$/),
        at: HAPPENED,
        kind: 'bounced',
        recipients: [
          {
            address: 'ada@example.net',
            finalAddress: null,
            status: '5.1.1',
            replyCode: '550',
            diagnostic: '550 5.1.1 <ada@example.net>: user unknown',
            reason: 'no_mailbox',
            hard: true,
            rule: 'no-mailbox',
            confidence: 0.9,
            feedbackType: null,
            isCertain: true,
          },
        ],
        providerMessageId: '0102018c-1111-2222-3333-444455556666-000000',
        internetMessageId: 'm1@shop.example.com',
        ourIds: [
          { kind: 'delivery', messageId: MESSAGE_ID, n: 1 },
          { kind: 'return-path', address: 'b+token@bounces.example.com' },
        ],
        raw: JSON.stringify(payload),
      },
    ]);
  });

  const silent = { status: undefined, diagnosticCode: undefined };
  it.each<[string, string, Record<string, unknown>, string]>([
    ['Permanent', 'General', {}, 'bounced no_mailbox hard'],
    ['Permanent', 'General', silent, 'bounced unknown soft'],
    ['Permanent', 'General', { status: '5.1.1', diagnosticCode: undefined }, 'bounced no_mailbox hard'],
    ['Permanent', 'General', { status: '5.7.1', diagnosticCode: BLOCKED }, 'bounced reputation soft'],
    ['Permanent', 'General', { status: '5.2.2', diagnosticCode: FULL }, 'bounced mailbox_full soft'],
    ['Permanent', 'NoEmail', silent, 'bounced unknown soft'],
    ['Permanent', 'Suppressed', {}, 'rejected unknown soft'],
    ['Permanent', 'OnAccountSuppressionList', {}, 'rejected unknown soft'],
    ['Permanent', 'UnsubscribedRecipient', {}, 'rejected unknown soft'],
    ['Permanent', 'SomethingNew', {}, 'bounced no_mailbox hard'],
    ['Transient', 'General', {}, 'bounced no_mailbox soft'],
    ['Transient', 'General', silent, 'bounced unknown soft'],
    ['Transient', 'MailboxFull', silent, 'bounced mailbox_full soft'],
    ['Transient', 'MessageTooLarge', silent, 'bounced message_too_big soft'],
    ['Transient', 'ContentRejected', silent, 'bounced content_rejected soft'],
    ['Transient', 'AttachmentRejected', silent, 'bounced content_rejected soft'],
    ['Transient', 'CustomTimeoutExceeded', silent, 'bounced expired soft'],
    ['Transient', 'SomethingNew', {}, 'bounced no_mailbox soft'],
    ['Undetermined', 'Undetermined', silent, 'bounced unknown soft'],
    ['Undetermined', 'Undetermined', {}, 'bounced no_mailbox hard'],
    ['SomethingNew', '', {}, 'bounced no_mailbox soft'],
  ])('%s/%s with %j', (bounceType, bounceSubType, recipient, expected) => {
    expect(brief(read(sesBounce({ bounceType, bounceSubType }, recipient)))).toBe(expected);
  });

  it.each<[string, unknown, string]>([
    ['a complaint', sesComplaint(), 'complained complaint soft'],
    ['a complaint of an old kind', sesComplaint({ complaintFeedbackType: undefined }), 'complained complaint soft'],
    ['praise', sesComplaint({ complaintFeedbackType: 'not-spam' }), '-'],
    ['failed authentication', sesComplaint({ complaintFeedbackType: 'auth-failure' }), 'complained auth_failure soft'],
    [
      'mail to somebody who complained before',
      sesComplaint({ complaintSubType: 'OnAccountSuppressionList' }),
      'rejected unknown soft',
    ],
    [
      'delivery',
      sesEvent('Delivery', 'delivery', { recipients: ['ada@example.net'], smtpResponse: '250 ok' }),
      'delivered delivered soft',
    ],
    [
      'delay',
      sesEvent('DeliveryDelay', 'deliveryDelay', {
        delayType: 'MailboxFull',
        delayedRecipients: [
          { emailAddress: 'ada@example.net', status: '4.2.2', diagnosticCode: 'smtp; 452 mailbox full' },
        ],
      }),
      'delayed mailbox_full soft',
    ],
    [
      'delay for want of a user',
      sesEvent('DeliveryDelay', 'deliveryDelay', {
        delayedRecipients: [{ emailAddress: 'ada@example.net', diagnosticCode: 'smtp; 550 5.1.1 user unknown' }],
      }),
      'delayed no_mailbox soft',
    ],
    ['a virus', sesEvent('Reject', 'reject', { reason: 'Bad content' }), 'rejected virus soft'],
    [
      'a template',
      sesEvent('Rendering Failure', 'failure', { errorMessage: "Attribute 'x' is not present" }),
      'rejected unknown soft',
    ],
    [
      'leaving all topics',
      sesEvent('Subscription', 'subscription', { newTopicPreferences: { unsubscribeAll: true } }),
      'unsubscribed null soft',
    ],
    [
      'leaving one topic',
      sesEvent('Subscription', 'subscription', { newTopicPreferences: { unsubscribeAll: false } }),
      '-',
    ],
    ['an open', sesEvent('Open', 'open', {}), '-'],
    ['sending', sesEvent('Send', 'send', {}), '-'],
    ['nonsense', 'Successfully validated SNS topic', '-'],
  ])('%s', (_title, payload, expected) => expect(brief(read(payload))).toBe(expected));

  it('names the address we mailed when a forwarder bounced', () => {
    const [event] = read(sesBounce({}, { emailAddress: 'ada.old@forwarded.example' }));
    expect(event!.recipients[0]).toMatchObject({
      address: 'ada@example.net',
      finalAddress: 'ada.old@forwarded.example',
    });
  });

  it('names nobody in place of one of several', () => {
    const destination = ['ada@example.net', 'bob@example.net'];
    const [event] = read(sesBounce({}, { emailAddress: 'eve@forwarded.example' }, { destination }));
    expect(event!.recipients[0]).toMatchObject({ address: 'eve@forwarded.example', finalAddress: null });
    expect(read(sesBounce({ bouncedRecipients: [] }, {}, { destination }))).toEqual([]);
  });

  it('takes the only recipient when the bounce has no address', () => {
    expect(read(sesBounce({ bouncedRecipients: [] }))[0]!.recipients[0]!.address).toBe('ada@example.net');
  });

  it('is not certain who of several complained', () => {
    const both = [{ emailAddress: 'ada@example.net' }, { emailAddress: 'bob@example.net' }];
    const destination = ['ada@example.net', 'bob@example.net'];
    const [event] = read(sesComplaint({ complainedRecipients: both }, { destination }));
    expect(event!.recipients.map(one => one.isCertain)).toEqual([false, false]);
    expect(read(sesComplaint())[0]!.recipients[0]!.isCertain).toBe(true);
  });

  it('has one id for a bounce that identity and configuration set both publish, and others for other facts', () => {
    const { eventType, ...rest } = sesBounce();
    const idOf = (payload: unknown) => read(payload)[0]!.eventId;
    expect(idOf({ notificationType: eventType, ...rest })).toBe(idOf(sesBounce()));
    expect(idOf(sesBounce({ feedbackId: 'another' }))).not.toBe(idOf(sesBounce()));
    expect(idOf(sesBounce({}, {}, { messageId: 'another' }))).not.toBe(idOf(sesBounce()));
    expect(idOf(sesComplaint())).not.toBe(idOf(sesBounce()));
  });

  it('finds our mark in the header field when there are no tags', () => {
    const headers = [{ name: 'X-SES-MESSAGE-TAGS', value: `a=b, postern=${MESSAGE_ID}` }];
    const [event] = read(sesBounce({}, {}, { tags: undefined, headers, source: undefined }));
    expect(event!.ourIds).toEqual([{ kind: 'delivery', messageId: MESSAGE_ID, n: null }]);
  });
});

describe('Postmark', () => {
  const read = (payload: unknown) => readPostmarkEvents(payload, 'shop', RECEIVED);

  it('tells a bounce with its metadata', () => {
    expect(read(postmarkBounce())).toMatchObject([
      {
        ...{ provider: 'postmark', account: 'shop', eventId: 'bounced-692560173', at: HAPPENED, kind: 'bounced' },
        recipients: [{ address: 'ada@example.net', status: '5.1.1', replyCode: '550', hard: true }],
        providerMessageId: '2c1b63fe-43f2-4db5-91b0-8bdfa44a9316',
        internetMessageId: null,
        ourIds: [{ kind: 'delivery', messageId: MESSAGE_ID, n: 1 }],
      },
    ]);
  });

  it.each<[string, string | undefined, string]>([
    ['HardBounce', undefined, 'bounced no_mailbox hard'],
    ['HardBounce', '', 'bounced no_mailbox hard'],
    ['HardBounce', 'Test bounce details', 'bounced no_mailbox hard'],
    ['HardBounce', BLOCKED, 'bounced reputation soft'],
    ['HardBounce', FULL, 'bounced mailbox_full soft'],
    ['Transient', '', 'delayed network soft'],
    ['Transient', undefined, 'delayed no_mailbox soft'],
    ['Unsubscribe', '', 'unsubscribed null soft'],
    ['Subscribe', '', '-'],
    ['AutoResponder', 'I am away', '-'],
    ['AddressChange', '', 'bounced moved soft'],
    ['DnsError', '', 'bounced network soft'],
    ['SpamNotification', '', 'bounced spam soft'],
    ['OpenRelayTest', '', '-'],
    ['Unknown', '', 'bounced unknown soft'],
    ['Unknown', undefined, 'bounced no_mailbox hard'],
    ['SoftBounce', '', 'bounced unknown soft'],
    ['SoftBounce', undefined, 'bounced no_mailbox soft'],
    ['SoftBounce', FULL, 'bounced mailbox_full soft'],
    ['VirusNotification', '', 'bounced virus soft'],
    ['ChallengeVerification', '', '-'],
    ['BadEmailAddress', '', 'bounced unknown soft'],
    ['SpamComplaint', '', 'complained complaint soft'],
    ['ManuallyDeactivated', undefined, 'rejected unknown soft'],
    ['Unconfirmed', '', 'rejected unknown soft'],
    ['Blocked', '', 'bounced policy soft'],
    ['Blocked', undefined, 'bounced no_mailbox soft'],
    ['SMTPApiError', '', 'rejected unknown soft'],
    ['InboundError', '', '-'],
    ['DMARCPolicy', '', 'bounced auth_failure soft'],
    ['TemplateRenderingFailed', '', 'rejected unknown soft'],
    ['SomethingNew', undefined, 'bounced no_mailbox hard'],
    ['SomethingNew', '', 'bounced unknown soft'],
  ])('%s saying %j', (Type, Details, expected) => {
    const fields = Details === undefined ? { Type } : { Type, Details };
    expect(brief(read(postmarkBounce(fields)))).toBe(expected);
  });

  const change = { Recipient: 'ada@example.net', ChangedAt: '2026-11-20T10:00:01.5Z', SuppressSending: true };
  it.each<[string, unknown, string]>([
    [
      'delivery',
      postmarkRecord('Delivery', {
        Recipient: 'ada@example.net',
        DeliveredAt: '2026-11-20T10:00:01.5Z',
        Details: '250 ok',
      }),
      'delivered delivered soft',
    ],
    [
      'a complaint',
      postmarkRecord('SpamComplaint', { ID: 42, Email: 'ada@example.net', Type: 'SpamComplaint', Details: '' }),
      'complained complaint soft',
    ],
    [
      'unsubscribing',
      postmarkRecord('SubscriptionChange', { ...change, Origin: 'Recipient', SuppressionReason: 'ManualSuppression' }),
      'unsubscribed null soft',
    ],
    [
      'suppression by the account',
      postmarkRecord('SubscriptionChange', { ...change, Origin: 'Customer', SuppressionReason: 'ManualSuppression' }),
      '-',
    ],
    [
      'suppression after a bounce',
      postmarkRecord('SubscriptionChange', { ...change, Origin: 'Recipient', SuppressionReason: 'HardBounce' }),
      '-',
    ],
    [
      'reactivation',
      postmarkRecord('SubscriptionChange', { ...change, SuppressSending: false, SuppressionReason: null }),
      '-',
    ],
    ['an open', postmarkRecord('Open', { Recipient: 'ada@example.net' }), '-'],
    ['nonsense', [1, 2], '-'],
  ])('%s', (_title, payload, expected) => expect(brief(read(payload))).toBe(expected));

  it('has an id of its own for each delivery, the same each time it is told', () => {
    const delivery = (Recipient: string) =>
      read(postmarkRecord('Delivery', { Recipient, DeliveredAt: '2026-11-20T10:00:01.5Z' }))[0]!.eventId;
    expect(delivery('ada@example.net')).toBe(delivery('ada@example.net'));
    expect(delivery('ada@example.net')).not.toBe(delivery('bob@example.net'));
  });
});

describe('Mailgun', () => {
  const read = (payload: unknown) => readMailgunEvents(payload, null, RECEIVED);

  it('tells a bounce with the Message-ID that we gave, and keeps no signature', () => {
    const [event] = read({ signature: { token: 'secret-token' }, ...mailgunEvent() });
    expect(event).toMatchObject({
      ...{ provider: 'mailgun', eventId: 'Ase7i2zsRYeDXztHGENqRA@1795168801.5', kind: 'bounced' },
      at: new Date(1795168801500),
      recipients: [{ address: 'ada@example.net', status: '5.1.1', replyCode: '550', reason: 'no_mailbox', hard: true }],
      internetMessageId: 'm1@shop.example.com',
      ourIds: [
        { kind: 'delivery', messageId: MESSAGE_ID, n: 1 },
        { kind: 'return-path', address: 'b+token@bounces.example.com' },
      ],
    });
    expect(event!.raw).not.toContain('secret-token');
    expect(event!.raw).toContain('Your invoice');
  });

  const status = (code: number, message: string) => ({ 'delivery-status': { code, message } });
  it.each<[string, string, Record<string, unknown>, string]>([
    ['permanent', 'bounce', {}, 'bounced no_mailbox hard'],
    ['permanent', 'bounce', status(550, 'rejected'), 'bounced unknown soft'],
    ['permanent', 'bounce', status(550, BLOCKED), 'bounced reputation soft'],
    ['permanent', 'delayed-bounce', status(552, FULL), 'bounced mailbox_full soft'],
    ['permanent', 'generic', status(0, ''), 'bounced unknown soft'],
    ['permanent', 'hardfail', {}, 'bounced no_mailbox hard'],
    ['permanent', 'espblock', {}, 'bounced no_mailbox soft'],
    ['permanent', 'espblock', status(550, ''), 'bounced policy soft'],
    ['permanent', 'blacklisted', status(550, ''), 'bounced reputation soft'],
    ['permanent', 'greylisted', status(450, ''), 'bounced greylisted soft'],
    ['permanent', 'old', status(602, ''), 'bounced expired soft'],
    [
      'permanent',
      'suppress-bounce',
      status(605, 'Not delivering to previously bounced address'),
      'rejected unknown soft',
    ],
    ['permanent', 'suppress-complaint', status(607, 'user unknown'), 'rejected unknown soft'],
    ['permanent', 'suppress-unsubscribe', status(606, ''), 'rejected unknown soft'],
    ['permanent', 'something-new', {}, 'bounced no_mailbox hard'],
    ['temporary', 'generic', status(451, 'try again later'), 'delayed system soft'],
    ['temporary', 'generic', {}, 'delayed no_mailbox soft'],
    ['temporary', 'greylisted', status(450, ''), 'delayed greylisted soft'],
    ['temporary', 'espblock', status(421, ''), 'delayed policy soft'],
    ['', '', {}, 'bounced no_mailbox soft'],
  ])('failed %s/%s with %j', (severity, reason, fields, expected) => {
    expect(brief(read(mailgunEvent({ severity, reason, ...fields })))).toBe(expected);
  });

  it.each<[string, unknown, string]>([
    ['a complaint', mailgunEvent({ event: 'complained' }), 'complained complaint soft'],
    ['delivery', mailgunEvent({ event: 'delivered', ...status(250, 'OK') }), 'delivered delivered soft'],
    ['unsubscribing', mailgunEvent({ event: 'unsubscribed' }), 'unsubscribed null soft'],
    [
      'rejection',
      mailgunEvent({ event: 'rejected', recipient: undefined, reject: { reason: 'Sandbox subdomains…' } }),
      'rejected unknown soft',
    ],
    ['an open', mailgunEvent({ event: 'opened' }), '-'],
    ['acceptance', mailgunEvent({ event: 'accepted' }), '-'],
    ['nonsense', { 'event-data': 7 }, '-'],
  ])('%s', (_title, payload, expected) => expect(brief(read(payload))).toBe(expected));
});

describe('SendGrid', () => {
  const read = (payload: unknown) => readSendgridEvents(payload, null, RECEIVED);

  it('tells each event of a batch, with its unique argument', () => {
    const delivered = sendgridEvent({ event: 'delivered', response: '250 OK', sg_event_id: 'two', reason: undefined });
    const events = read([sendgridEvent(), sendgridEvent({ event: 'open' }), delivered]);
    expect(events).toMatchObject([
      {
        ...{ provider: 'sendgrid', eventId: 'Ym91bmNlLTAtMTIzNDU2', kind: 'bounced', at: new Date(1795168801000) },
        recipients: [{ address: 'ada@example.net', status: '5.1.1', replyCode: '550', hard: true }],
        providerMessageId: '14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0',
        internetMessageId: 'm1@shop.example.com',
        ourIds: [{ kind: 'delivery', messageId: MESSAGE_ID, n: 1 }],
        raw: JSON.stringify(sendgridEvent()),
      },
      { eventId: 'two', kind: 'delivered', recipients: [{ diagnostic: '250 OK', reason: 'delivered' }] },
    ]);
  });

  const silent = { status: '', reason: '' };
  it.each<[string, string | undefined, Record<string, unknown>, string]>([
    ['bounce', 'Invalid Address', {}, 'bounced no_mailbox hard'],
    ['bounce', 'Invalid Address', silent, 'bounced no_mailbox hard'],
    ['bounce', 'Invalid Address', { status: '5.7.1', reason: BLOCKED }, 'bounced reputation soft'],
    ['bounce', 'Mailbox Unavailable', silent, 'bounced mailbox_disabled soft'],
    ['bounce', 'Mailbox Unavailable', {}, 'bounced no_mailbox hard'],
    ['bounce', 'Unclassified', silent, 'bounced unknown soft'],
    ['bounce', 'Unclassified', {}, 'bounced no_mailbox hard'],
    ['bounce', 'Technical Failure', silent, 'bounced network soft'],
    ['bounce', 'Technical', {}, 'bounced no_mailbox soft'],
    ['bounce', 'Content', silent, 'bounced content_rejected soft'],
    ['bounce', 'Reputation', {}, 'bounced no_mailbox soft'],
    ['bounce', 'Reputation', silent, 'bounced reputation soft'],
    ['bounce', 'Frequency or Volume Too High', silent, 'bounced rate_limited soft'],
    ['bounce', 'Frequency/Volume', silent, 'bounced rate_limited soft'],
    ['bounce', undefined, {}, 'bounced no_mailbox hard'],
    ['bounce', undefined, silent, 'bounced unknown soft'],
    ['blocked', 'Invalid Address', {}, 'bounced no_mailbox soft'],
    ['blocked', undefined, silent, 'bounced policy soft'],
    ['blocked', 'Mailbox Unavailable', silent, 'bounced mailbox_disabled soft'],
    ['blocked', 'Technical Failure', silent, 'bounced network soft'],
    ['blocked', 'Content', silent, 'bounced content_rejected soft'],
    ['blocked', 'Reputation', silent, 'bounced reputation soft'],
    ['blocked', 'Frequency or Volume Too High', silent, 'bounced rate_limited soft'],
  ])('%s/%s with %j', (type, bounce_classification, fields, expected) => {
    expect(brief(read([sendgridEvent({ type, bounce_classification, ...fields })]))).toBe(expected);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['dropped: bounced before', { event: 'dropped', reason: 'Bounced Address' }, 'rejected unknown soft'],
    ['dropped: complained before', { event: 'dropped', reason: 'Spam Reporting Address' }, 'rejected unknown soft'],
    ['dropped: content', { event: 'dropped', reason: 'Spam Content' }, 'rejected spam soft'],
    ['dropped: invalid', { event: 'dropped', reason: 'Invalid' }, 'rejected unknown soft'],
    [
      'deferred',
      { event: 'deferred', status: '', reason: undefined, response: '452 4.2.2 mailbox full' },
      'delayed mailbox_full soft',
    ],
    ['deferred for want of a user', { event: 'deferred' }, 'delayed no_mailbox soft'],
    ['a complaint', { event: 'spamreport' }, 'complained complaint soft'],
    ['unsubscribing', { event: 'unsubscribe' }, 'unsubscribed null soft'],
    ['leaving a group', { event: 'group_unsubscribe', asm_group_id: 3 }, 'unsubscribed null soft'],
    ['coming back', { event: 'group_resubscribe' }, '-'],
    ['processing', { event: 'processed' }, '-'],
    ['no address', { email: 'not an address' }, '-'],
  ])('%s', (_title, fields, expected) => expect(brief(read([sendgridEvent(fields)]))).toBe(expected));
});

describe('times', () => {
  const at = (timestamp: unknown) => readSendgridEvents([sendgridEvent({ timestamp })], null, RECEIVED)[0]!.at;

  it.each([[1795168801], ['1795168801'], ['2026-11-20T10:00:01Z'], ['2026-11-20T10:00:01 +0000']])('%j is read', time =>
    expect(at(time)).toEqual(new Date(1795168801000)),
  );

  it.each([[undefined], ['soon'], [0], [1e300], [Number.NaN], ['+275760-09-12T00:00:00Z'], [1895255201]])(
    '%j cannot be, and becomes the time it was received',
    time => expect(at(time)).toEqual(RECEIVED),
  );
});
