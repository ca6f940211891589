// The part that people read: what happened, to whom, what the other server said, and what they can do.
import { formatDate } from '../transforms.ts';
import type { RecipientStatus } from './status.ts';
import type { DsnKind } from './wanted.ts';

export type Story = {
  readonly kind: DsnKind;
  readonly hostname: string;
  readonly recipients: readonly RecipientStatus[];
  readonly subject: string | null;
  readonly internetMessageId: string | null;
  readonly sentAt: Date;
  /** Ours, of the message that it is about. */
  readonly messageId: string;
};

export const TITLES: Readonly<Record<DsnKind, string>> = {
  failure: 'Not delivered',
  delay: 'Not delivered yet',
  success: 'Delivered',
};

const OPENINGS: Readonly<Record<DsnKind, string>> = {
  failure: 'Your message could not be delivered to:',
  delay: 'Your message has not been delivered yet, and is still being tried, to:',
  success: 'As you asked to be told: your message was delivered, or passed on, to:',
};

export function tellPeople(story: Story): string {
  const { kind, hostname, recipients } = story;
  const advice = [...new Set(recipients.map(adviceFor))];
  return [
    `This is the mail gateway at ${hostname}.`,
    '',
    OPENINGS[kind],
    ...recipients.flatMap(one => ['', ...tellRecipient(one)]),
    '',
    kind === 'failure' ? 'What you can do' : 'What it means',
    ...advice.map(text => `  ${text}`),
    '',
    'The message',
    `  Subject: ${oneLine(story.subject ?? '(none)')}`,
    `  Given to us: ${formatDate(story.sentAt.getTime())}`,
    ...(story.internetMessageId === null ? [] : [`  Message-ID: <${oneLine(story.internetMessageId)}>`]),
    `  Our number for it, should you ask us: ${story.messageId}`,
    '',
  ].join('\n');
}

function tellRecipient({ recipient, said, remoteMta, willRetryUntil }: RecipientStatus): string[] {
  const speaker = remoteMta === null ? '' : `${remoteMta} said: `;
  return [
    `  ${oneLine(recipient)}`,
    ...(said === null ? [] : [`    ${speaker}${oneLine(said.text)}`]),
    ...(willRetryUntil === null ? [] : [`    It is tried until ${formatDate(willRetryUntil.getTime())}.`]),
  ];
}

function adviceFor(one: RecipientStatus): string {
  switch (one.action) {
    case 'delayed':
      return 'You need not do anything, and need not send it again. You are told if it fails.';
    case 'delivered':
      return "It is in the recipient's mailbox.";
    case 'relayed':
      return 'It was passed on to a server that does not tell what becomes of it.';
    case 'expanded':
      return 'It reached a mailing list, which sends it on to its members.';
    case 'failed':
      return one.isSuppressed ? SUPPRESSED : adviceByStatus(one.status);
  }
}

const SUPPRESSED =
  'It was not tried: earlier mail to the address came back, or it asked for no more. Whoever runs this gateway can ' +
  'take it off the suppression list.';

/** RFC 3463 section 3: subject and detail; what is more exact comes first. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/\.4\.7$/, 'It was tried until its time was over. Ask the recipient whether their mail works, and send it again.'],
  [/\.1\.[0-6]$|\.1\.10$/, 'There is no such address, as the other server says. Check its spelling.'],
  [/\.1\.[78]$/, 'The other server does not take your own address as the sender. Check that address.'],
  [/\.2\.2$/, 'The mailbox is full. Reach the recipient in another way, or send it again later.'],
  [/\.2\./, 'The mailbox takes no mail at present. Reach the recipient in another way.'],
  [/\.3\.4$|\.2\.3$/, 'It is too large for the other server. Send it with smaller attachments.'],
  [/\.7\./, 'The other server refuses it by its rules. Show this mail to whoever runs your mail.'],
  [/\.6\./, 'The other server cannot read it as it is written. Send it as plain text.'],
];

function adviceByStatus(status: string): string {
  const known = ADVICE.find(([codes]) => codes.test(status));
  return known?.[1] ?? 'The words of the other server above say why. Show this mail to whoever runs your mail.';
}

/** Other people's words do not begin lines of ours. */
function oneLine(text: string): string {
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ').toWellFormed();
}
