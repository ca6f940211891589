// Who is at fault when an upstream refuses, by stage, code, enhanced code and words; the first row that fits decides.
// Whoever is not surely at fault is not blamed: what no row knows is the message's own trouble at that stage.
import { isPermanent, type Reply } from '../src/mail/reply.ts';
import type { Scope, Stage } from '../src/mail/upstream.ts';

type Row = {
  readonly scope: Scope;
  readonly stages?: readonly Stage[];
  readonly permanent?: boolean;
  readonly codes?: readonly number[];
  /** Prefixes without the class: `7.8` fits 4.7.8 and 5.7.8, `3.` fits x.3.anything. */
  readonly enhanced?: readonly string[];
  /** Lower case; any of them in the text. */
  readonly words?: readonly string[];
};

const ENVELOPE: readonly Stage[] = ['mail', 'rcpt', 'data'];
const TRANSACTION: readonly Stage[] = ['mail', 'data', 'content', 'final'];

const ROWS: readonly Row[] = [
  // Before MAIL nothing is about this message.
  { scope: 'upstream', stages: ['connect', 'tls', 'banner', 'ehlo', 'auth'] },
  // RFC 5321 section 3.8: the server is going away, whatever it was asked.
  { scope: 'upstream', codes: [421] },
  // "530 5.7.0 Authentication required", "535 5.7.8", "454 4.7.0 Temporary authentication failure"
  { scope: 'upstream', codes: [530, 534, 535, 538] },
  { scope: 'upstream', stages: ENVELOPE, enhanced: ['7.8', '7.9', '7.11', '7.12'] },
  // "554 5.7.1 <x>: Relay access denied" (Postfix), "550 relay not permitted" (Exim), "550 5.7.54 Unable to relay" (Exchange)
  {
    scope: 'upstream',
    stages: ENVELOPE,
    words: [
      'relay access denied',
      'relaying denied',
      'relay not permitted',
      'unable to relay',
      'relay denied',
      'not permitted to relay',
      'relaying not allowed',
    ],
  },
  // "454 Throttling failure: Maximum sending rate exceeded", "454 Daily message quota exceeded" (SES), "451 Maximum
  // credits exceeded" (SendGrid)
  {
    scope: 'upstream',
    words: [
      'throttling failure',
      'maximum sending rate',
      'daily message quota',
      'sending quota exceeded',
      'too many connections',
      'hourly limit',
      'daily sending limit',
      'daily user sending',
      'credits exceeded',
      'exceeded your credits',
    ],
  },
  // "554 Sending paused for this account" (SES); at RCPT such words are about the recipient's account
  {
    scope: 'upstream',
    stages: TRANSACTION,
    words: [
      'sending paused',
      'account is suspended',
      'account suspended',
      'account disabled',
      'account is disabled',
      'billing',
      'account is not active',
      'not authorized to send',
      'account is under review',
    ],
  },
  // "552 5.3.4 Message size exceeds fixed limit"
  { scope: 'message', permanent: true, enhanced: ['3.4', '2.3'] },
  { scope: 'message', permanent: true, codes: [552], stages: TRANSACTION },
  // "554 Message rejected: Email address is not verified" (SES), "550 The from address does not match a verified Sender
  // Identity" (SendGrid), "550 5.7.60 Client does not have permissions to send as this sender"
  {
    scope: 'sender',
    permanent: true,
    words: [
      'not verified',
      'send as this sender',
      'not owned by user',
      'sender address rejected',
      'sender not allowed',
      'sender rejected',
      'sender id not',
      'unverified',
      'from address is not',
      'verified sender',
      'unauthenticated senders',
    ],
  },
  // RFC 7372 and Gmail's 5.7.26: SPF, DKIM, DMARC, PTR
  {
    scope: 'sender',
    permanent: true,
    enhanced: ['7.20', '7.21', '7.22', '7.23', '7.24', '7.25', '7.26', '7.27', '1.7', '1.8', '7.509', '7.515'],
  },
  { scope: 'sender', permanent: true, words: ['dmarc', 'dkim', 'spf check', 'spf fail'] },
  { scope: 'sender', permanent: true, stages: ['mail'] },
  // "452 4.3.1 Insufficient system storage", "451 4.3.0 Temporary lookup failure": theirs, another upstream may be well
  { scope: 'upstream', permanent: false, enhanced: ['3.'] },
  { scope: 'upstream', permanent: false, stages: ['mail', 'data'] },
  { scope: 'recipient', stages: ['rcpt'] },
  // Some gateways look the recipient up only after the message: "550 5.1.1 … user unknown"
  { scope: 'recipient', permanent: true, enhanced: ['1.1', '1.2', '1.3', '1.6', '1.10', '2.1', '2.2'] },
  { scope: 'message' },
];

export function scopeOf(stage: Stage, reply: Reply): Scope {
  const text = reply.text.toLowerCase();
  return ROWS.find(row => fits(row, stage, reply, text))!.scope;
}

function fits(row: Row, stage: Stage, reply: Reply, text: string): boolean {
  if (row.stages && !row.stages.includes(stage)) return false;
  if (row.permanent !== undefined && row.permanent !== isPermanent(reply)) return false;
  if (row.codes && !row.codes.includes(reply.code)) return false;
  if (row.enhanced && !row.enhanced.some(prefix => matchesEnhanced(reply.enhanced, prefix))) return false;
  if (row.words && !row.words.some(word => text.includes(word))) return false;
  return true;
}

function matchesEnhanced(enhanced: string | null, prefix: string): boolean {
  if (enhanced === null) return false;
  const withoutClass = enhanced.slice(2);
  return prefix.endsWith('.') ? withoutClass.startsWith(prefix) : withoutClass === prefix;
}
