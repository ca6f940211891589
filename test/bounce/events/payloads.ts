// What providers send, after their documentation, about one message of ours.
export const MESSAGE_ID = '01HF7YAT00ABCDEFGHJKMNPQRS';
export const MARK = `${MESSAGE_ID}-1`;

type Fields = Record<string, unknown>;

const sesMail = {
  timestamp: '2026-11-20T09:59:58.012Z',
  source: 'b+token@bounces.example.com',
  sourceArn: 'arn:aws:ses:eu-west-1:123456789012:identity/example.com',
  sendingAccountId: '123456789012',
  messageId: '0102018c-1111-2222-3333-444455556666-000000',
  destination: ['ada@example.net'],
  headersTruncated: false,
  headers: [
    { name: 'From', value: 'Shop <shop@example.com>' },
    { name: 'Message-ID', value: '<m1@shop.example.com>' },
  ],
  tags: { 'ses:configuration-set': ['events'], postern: [MARK] },
};

export function sesBounce(bounce: Fields = {}, recipient: Fields = {}, mail: Fields = {}) {
  return {
    eventType: 'Bounce',
    bounce: {
      bounceType: 'Permanent',
      bounceSubType: 'General',
      bouncedRecipients: [
        {
          emailAddress: 'ada@example.net',
          action: 'failed',
          status: '5.1.1',
          diagnosticCode: 'smtp; 550 5.1.1 <ada@example.net>: user unknown',
          ...recipient,
        },
      ],
      timestamp: '2026-11-20T10:00:01.500Z',
      feedbackId: '0102018c-feed-back-0000-444455556666-000000',
      reportingMTA: 'dns; a1.smtp-out.eu-west-1.amazonses.com',
      ...bounce,
    },
    mail: { ...sesMail, ...mail },
  };
}

/** The same with `notificationType`, as identities publish it: without tags. */
export function sesEvent(type: string, part: string, about: Fields, mail: Fields = {}) {
  return {
    eventType: type,
    [part]: { timestamp: '2026-11-20T10:00:01.500Z', ...about },
    mail: { ...sesMail, ...mail },
  };
}

export function sesComplaint(complaint: Fields = {}, mail: Fields = {}) {
  return sesEvent(
    'Complaint',
    'complaint',
    {
      complainedRecipients: [{ emailAddress: 'ada@example.net' }],
      feedbackId: '0102018c-comp-lain-0000-444455556666-000000',
      userAgent: 'Mailbox Provider Feedback Loop',
      complaintFeedbackType: 'abuse',
      complaintSubType: null,
      ...complaint,
    },
    mail,
  );
}

export function postmarkBounce(fields: Fields = {}) {
  return {
    RecordType: 'Bounce',
    ID: 692560173,
    Type: 'HardBounce',
    TypeCode: 1,
    Name: 'Hard bounce',
    Tag: 'invoice',
    MessageID: '2c1b63fe-43f2-4db5-91b0-8bdfa44a9316',
    ServerID: 23,
    MessageStream: 'outbound',
    Description: 'The server was unable to deliver your message (ex: unknown user, mailbox not found).',
    Details: 'smtp;550 5.1.1 <ada@example.net>: user unknown',
    Email: 'ada@example.net',
    From: 'shop@example.com',
    BouncedAt: '2026-11-20T10:00:01.5000000Z',
    DumpAvailable: true,
    Inactive: true,
    CanActivate: true,
    Subject: 'Your invoice',
    Metadata: { postern: MARK },
    ...fields,
  };
}

export function postmarkRecord(type: string, fields: Fields = {}) {
  return {
    RecordType: type,
    MessageID: '2c1b63fe-43f2-4db5-91b0-8bdfa44a9316',
    Metadata: { postern: MARK },
    ...fields,
  };
}

export function mailgunEvent(fields: Fields = {}) {
  return {
    'event-data': {
      event: 'failed',
      severity: 'permanent',
      reason: 'bounce',
      id: 'Ase7i2zsRYeDXztHGENqRA',
      timestamp: 1795168801.5,
      'log-level': 'error',
      recipient: 'ada@example.net',
      'recipient-domain': 'example.net',
      'delivery-status': {
        'attempt-no': 1,
        code: 550,
        'enhanced-code': '5.1.1',
        message: '5.1.1 <ada@example.net>: user unknown',
        description: '',
        'mx-host': 'mx.example.net',
      },
      envelope: { sender: 'b+token@bounces.example.com', targets: 'ada@example.net', transport: 'smtp' },
      message: {
        headers: { to: 'Ada <ada@example.net>', 'message-id': 'm1@shop.example.com', subject: 'Your invoice' },
      },
      'user-variables': { postern: MARK },
      ...fields,
    },
  };
}

export function sendgridEvent(fields: Fields = {}) {
  return {
    email: 'ada@example.net',
    timestamp: 1795168801,
    event: 'bounce',
    type: 'bounce',
    bounce_classification: 'Invalid Address',
    status: '5.1.1',
    reason: '550 5.1.1 <ada@example.net>: user unknown',
    'smtp-id': '<m1@shop.example.com>',
    sg_event_id: 'Ym91bmNlLTAtMTIzNDU2',
    sg_message_id: '14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0',
    postern: MARK,
    ...fields,
  };
}
