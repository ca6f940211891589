/**
 * The last resort, for mail that is surely from a mail system: in order, the addresses on lines of their own or at the
 * head of a line, those beside words of failure, the one that a VERP address codes, the one the message was sent to.
 * It prefers saying nothing to naming a bystander: whoever got the report, postmasters and help desks are left out.
 */
import { addressOf, domainOf, findAddresses, localPartOf, sameAddress, verpAddress } from '../address.ts';
import type { FreeformInput } from '../family.ts';
import { compileTemplate, matchAny } from '../line-template.ts';
import type { Reading } from '../recipient.ts';

const shapes = [
  '{addr}',
  '{addr}:',
  '{addr}: {text}',
  '* {addr}',
  '- {addr}',
  '-- {addr}',
  '{addr} - {text}',
  '{addr} ({text})',
  '{addr} [{text}]',
  '{addr} {text}',
  'to: {addr}',
  '(originally addressed to {addr})',
  'recipient: {addr}',
  'rcpt to: {addr}',
].map(compileTemplate);

const failureWords = [
  'unknown',
  'fail',
  'not deliver',
  'undeliver',
  'reject',
  'refus',
  'not exist',
  'no such',
  'invalid',
  'not found',
  'full',
  'quota',
  'unable',
  'could not',
  'cannot',
  "can't",
  'bounce',
  'error',
  'recipient',
  'rcpt to',
  'no longer',
  'disabled',
  'delivery to',
  'deliver',
  'destinat',
  'empfänger',
  'zustell',
  'remis',
  'entreg',
  'consegn',
  'bezorg',
  'доставл',
  '宛先',
  '送信',
  '配信',
  '收件人',
  '地址',
];

const bystanders = [
  'postmaster',
  'mailer-daemon',
  'abuse',
  'support',
  'help',
  'hilfe',
  'kontakt',
  'contact',
  'aide',
  'soporte',
  'servicedesk',
  'helpdesk',
  'hostmaster',
  'admin',
  'webmaster',
  'noc',
  'info-noreply',
  'noreply',
  'no-reply',
  'root',
];
/** Words that make every address of a line a bystander's, and those that do so for the address behind them. */
const bystanderLines = [
  'contact',
  'kontakt',
  'contac',
  'fragen an',
  'assistance',
  'questions',
  'envelope-from',
  'message-id',
  'in-reply',
];
const bystanderLeads = ['from:', 'sender', 'reply-to', 'mail from', 'subject:', 'http://', 'https://', 'absender'];

export function readAnything(input: FreeformInput): Reading[] {
  for (const find of [
    onOwnLines,
    besideFailure,
    fromFailedField,
    fromMention,
    fromVerp,
    ownOnOwnLines,
    fromReturnedMessage,
  ]) {
    const readings = find(input);
    if (readings.length > 0) return readings;
  }
  return [];
}

/** Somebody who wrote to himself: believed only where the address heads its own paragraph (`<me@example.org>:`). */
function ownOnOwnLines(input: FreeformInput): Reading[] {
  return onOwnLines({ ...input, own: [] }).filter(reading => reading.evidence?.[0]?.includes('>:') === true);
}

function onOwnLines(input: FreeformInput): Reading[] {
  const blocks: { address: string; line: string; reason: string[] }[] = [];
  for (const line of input.report.lines) {
    const match = matchAny(shapes, line.trim());
    const current = blocks[blocks.length - 1];
    if (match && isRecipient(match.address, line, input))
      blocks.push({ address: match.address, line: line.trim(), reason: [match.text] });
    else if (current && current.reason.length < 12) current.reason.push(line.trim());
  }
  return blocks.map(({ address, line, reason }) => ({
    finalRecipient: address,
    diagnostic: reason.filter(Boolean).join('\n'),
    evidence: [line, ...reason.filter(Boolean).slice(0, 3)],
  }));
}

function besideFailure(input: FreeformInput): Reading[] {
  const found: Reading[] = [];
  for (const line of input.report.lines) {
    const lower = line.toLowerCase();
    if (!line.includes('@') || !failureWords.some(word => lower.includes(word))) continue;
    for (const address of findAddresses(line, 10)) {
      if (isRecipient(address, line, input) && found.length < 20)
        found.push({ finalRecipient: address, diagnostic: line.trim(), evidence: [line.trim()] });
    }
  }
  // One recipient: everything that the report says is about him.
  const [only] = found;
  if (only && found.length === 1) return [{ ...only, diagnostic: wholeReason(input.report.lines) }];
  return found;
}

/** An address in the text that is nobody else's; with many the text is about something else. */
function fromMention(input: FreeformInput): Reading[] {
  const mentioned = input.report.lines
    .filter(line => line.includes('@'))
    .flatMap(line => findAddresses(line, 10).filter(address => isRecipient(address, line, input)));
  const unique = [...new Set(mentioned)];
  const diagnostic = wholeReason(input.report.lines);
  return unique.length > 3 ? [] : unique.map(address => ({ finalRecipient: address, diagnostic, evidence: [address] }));
}

function fromFailedField({ failed, report }: FreeformInput): Reading[] {
  return failed.map(address => ({
    finalRecipient: address,
    diagnostic: wholeReason(report.lines),
    evidence: [`X-Failed-Recipients: ${address}`],
  }));
}

function fromVerp({ own, report }: FreeformInput): Reading[] {
  const coded = own.map(verpAddress).find(address => address !== null);
  return coded
    ? [{ originalRecipient: coded, diagnostic: wholeReason(report.lines), evidence: [`To: ${own[0]}`] }]
    : [];
}

/**
 * Only where it was sent to one address: with more, the report leaves open who failed. One in the domain that got the
 * report is the list that was written to, not its dead member.
 */
function fromReturnedMessage({ mailed, report, own }: FreeformInput): Reading[] {
  const others = mailed.filter(address => !own.some(one => sameAddress(one, address)));
  if (others.length !== 1 || own.some(one => domainOf(one) === domainOf(others[0]!))) return [];
  return [{ originalRecipient: others[0]!, diagnostic: wholeReason(report.lines), evidence: [`To: ${others[0]}`] }];
}

function wholeReason(all: readonly string[]): string {
  return all
    .filter(line => line.trim() !== '')
    .slice(0, 30)
    .join('\n');
}

function isRecipient(address: string, line: string, input: FreeformInput): boolean {
  const lower = line.toLowerCase();
  const before = lower.slice(0, Math.max(lower.indexOf(address.toLowerCase()), 0));
  if (bystanderLines.some(word => lower.includes(word)) || bystanderLeads.some(word => before.includes(word)))
    return false;
  if (bystanders.includes(localPartOf(address).toLowerCase())) return false;
  const reporter = addressOf(input.message.header.get('from'));
  return !input.own.some(one => sameAddress(one, address)) && !(reporter && sameAddress(reporter, address));
}
