/**
 * Last: codes and words that say little. Words that every refusal uses ("rejected", "access denied") stand behind the
 * precise codes; a bare 550 or 5.0.0 stays unknown, as BOUNCES of all kinds carry it.
 */
import type { Rule } from './rule.ts';
import { phrases } from './rule.ts';

/** Enhanced codes that mean one thing (RFC 3463, RFC 7372, RFC 7505, Exchange Online's own). */
export const codeRules: readonly Rule[] = [
  {
    id: 'code-auth',
    reason: 'auth_failure',
    statuses: ['x.7.20', 'x.7.21', 'x.7.22', 'x.7.23', 'x.7.24', 'x.7.26', 'x.7.509', 'x.7.515'],
    sample: '550 5.7.23',
  },
  { id: 'code-ptr', reason: 'no_ptr', statuses: ['x.7.25'], sample: '550 5.7.25' },
  {
    id: 'code-rate',
    reason: 'rate_limited',
    statuses: ['4.7.28', '4.3.2', 'x.4.5', '4.7.28', '5.2.121', '5.2.122'],
    sample: '421 4.7.28',
  },
  // RFC 7505 4.2: the *sender's* domain has a null MX; Google says it of SPF.
  { id: 'code-sender-mx', reason: 'sender_rejected', statuses: ['x.7.27'], sample: '550 5.7.27' },
  {
    id: 'code-google-auth',
    reason: 'auth_failure',
    statuses: ['x.7.30', 'x.7.31', 'x.7.32', 'x.7.40'],
    sample: '550 5.7.30',
  },
  {
    id: 'reply-no-service',
    reason: 'no_mail_service',
    replyCodes: ['521', '556'],
    statuses: ['5.3.2', '5.1.10'],
    sample: '556 5.1.10',
  },
  { id: 'code-no-domain', reason: 'no_domain', statuses: ['5.1.2', '5.4.4', '5.4.310'], sample: '550 5.1.2' },
  { id: 'code-disabled', reason: 'mailbox_disabled', statuses: ['x.2.1'], sample: '550 5.2.1' },
  { id: 'code-expired', reason: 'expired', statuses: ['x.4.7', '5.4.300'], sample: '4.4.7' },
  // A report that could not connect has kept trying; in a session 4.4.1 is a network that may come back.
  { id: 'code-no-answer', reason: 'expired', statuses: ['4.4.1'], onlyReports: true, sample: '4.4.1' },
  { id: 'code-no-answer-yet', reason: 'network', statuses: ['4.4.1'], sample: '4.4.1' },
  { id: 'code-loop', reason: 'network', statuses: ['x.4.6', '5.4.14', '5.4.12'], sample: '5.4.6' },
  {
    id: 'code-network',
    reason: 'network',
    statuses: ['5.4.1', 'x.4.2', 'x.4.3', '4.4.4', '5.4.316', '5.4.8'],
    sample: '4.4.1',
  },
  {
    id: 'code-security',
    reason: 'security',
    statuses: ['x.7.3', 'x.7.4', 'x.7.5', 'x.7.6', 'x.7.7', 'x.7.8', 'x.7.10', 'x.7.11', 'x.7.12', 'x.7.14'],
    sample: '5.7.8',
  },
];

/** Not among the precise ones: reporters put 5.1.1 on everything, so words near by are asked first. */
export const noMailboxCodes: readonly Rule[] = [
  {
    id: 'code-no-mailbox',
    reason: 'no_mailbox',
    statuses: ['5.1.1', '5.1.0', '5.1.3', '5.1.4', '5.1.10', '4.1.1', '5.1.351'],
    sample: '550 5.1.1',
  },
];

/** Codes that name an area rather than a cause. */
export const broadCodeRules: readonly Rule[] = [
  { id: 'code-content', reason: 'content_rejected', statuses: ['x.6.*'], sample: '5.6.0' },
  {
    id: 'code-system',
    reason: 'system',
    statuses: ['x.3.0', 'x.3.1', 'x.3.2', 'x.3.3', 'x.3.5', 'x.2.4'],
    sample: '4.3.0',
  },
  { id: 'code-protocol', reason: 'protocol', statuses: ['x.5.*'], sample: '5.5.2' },
];

export const vagueRules: readonly Rule[] = [
  {
    id: 'quota-word',
    reason: 'mailbox_full',
    words: ['quota'],
    sample: "This person's account is exceeding their quota",
  },
  {
    id: 'policy-words',
    reason: 'policy',
    words: phrases(`
      policy, policies, administrative prohibition, administratively, not accepted for, prohibited,
      delivery not authorized, delivery not allowed, not allowed, not permitted, not authorized, unauthorized,
      disallowed, security reasons, rejected by rule, transport rule, ruleset, richtlinie, politique, política, ポリシー,
      политик, blocked, mail rejected by destination
    `),
    sample: '554 5.7.1 Message not accepted for policy reasons',
  },
  {
    id: 'mailbox-unavailable',
    reason: 'no_mailbox',
    words: phrases(`
      mailbox unavailable, mailbox is unavailable, mailbox not available, user not available, recipient rejected,
      recipient refused, does not like recipient, address rejected, invalid rcpt, recipient denied,
      undeliverable address, rcpt rejected, user rejected, rejected recipient
    `),
    replyCodes: ['550', '551', '553', '554', '501', '511'],
    sample: '550 Requested action not taken: mailbox unavailable',
  },
  {
    id: 'mailbox-busy',
    reason: 'system',
    words: phrases(`
      transaction failed, mailbox unavailable, mailbox busy, mailbox temporarily, try again later, try later,
      please retry, service unavailable, service not available, service currently, temporarily, temporary,
      mailbox in use, unavailable, later
    `),
    sample: '450 Requested action not taken: mailbox unavailable',
  },
  {
    id: 'access-denied',
    reason: 'security',
    words: phrases(`
      access denied, access is denied, permission denied, denied, forbidden, unauthenticated, security
    `),
    sample: '550 5.7.1 Access denied',
  },
  {
    id: 'protocol-words',
    reason: 'protocol',
    words: phrases(`
      syntax error, command not, unrecognized command, unrecognised command, command unrecognized, bad sequence,
      out of sequence, protocol error, parameter, unimplemented, not implemented, nested mail, need rcpt, syntax,
      need mail, bad command
    `),
    sample: '503 5.5.1 Bad sequence of commands',
  },
];

/** Nothing but a class of code, and not even that is certain. */
export const lastRules: readonly Rule[] = [
  { id: 'bare-5.2.0', reason: 'filtered', statuses: ['5.2.0'], sample: '5.2.0' },
  { id: 'bare-4.2', reason: 'system', statuses: ['4.2.0'], sample: '4.2.0' },
  { id: 'bare-5.7', reason: 'policy', statuses: ['x.7.*'], sample: '5.7.1' },
  { id: 'bare-protocol', reason: 'protocol', replyCodes: ['500', '502', '503', '504', '555'], sample: '503' },
  {
    id: 'bare-552',
    reason: 'mailbox_full',
    replyCodes: ['552', '452'],
    sample: '552 (RFC 5321 4.2.2: exceeded storage allocation)',
  },
  { id: 'messagelabs-542', reason: 'no_mailbox', replyCodes: ['542'], sample: '542 joe@example.org Rejected' },
  { id: 'bare-x.4.0', reason: 'network', statuses: ['x.4.0'], sample: '5.4.0' },
  { id: 'bare-421', reason: 'network', replyCodes: ['421'], sample: '421' },
];
