/**
 * Delivery status fields: RFC 3464 (message/delivery-status), RFC 6533 (message/global-delivery-status).
 * Lenient about what is seen in the wild: blank lines inside a group and none between groups (Outlook.com, IIS),
 * `Action: failure`, a status with prose behind it, brackets and types in any order, fields in a text part.
 */
import { splitField } from '../mime/header.ts';
import { addressOf, withoutType } from './address.ts';
import { isName } from './complete.ts';
import type { ReportAction, ReportedRecipient } from './recipient.ts';
import { oneLine, reportedRecipient } from './recipient.ts';
import { readStatus } from './reply-code.ts';

const maxGroups = 1_000;

type Group = Map<string, string>;

interface StatusFields {
  readonly message: Group;
  readonly recipients: readonly Group[];
}

/** Fields that begin or make up a recipient's group; the rest in front belongs to the message. */
const recipientFields = new Set([
  'original-recipient',
  'final-recipient',
  'action',
  'status',
  'remote-mta',
  'diagnostic-code',
  'last-attempt-date',
  'final-log-id',
  'will-retry-until',
  'x-actual-recipient',
]);

const addressFields = ['original-recipient', 'final-recipient'];
const onceFields = ['original-recipient', 'final-recipient', 'action', 'status'];

export function readDeliveryStatus(text: string, context: string): ReportedRecipient[] {
  const { message, recipients } = groupFields(text);
  const reportingMta = withoutType(message.get('reporting-mta') ?? '') || null;
  const found = recipients.map(group => readGroup(group, reportingMta, context));
  return found.filter(one => one !== undefined);
}

/** Original-Envelope-Id, which stands in front of the recipients' groups. */
export function readEnvelopeId(text: string): string | null {
  return /^original-envelope-id[ \t]{0,4}:[ \t]{0,4}(\S{1,200})/im.exec(text.slice(0, 16_384))?.[1] ?? null;
}

/** True where a text holds status fields, whatever part it stands in. */
export function holdsStatusFields(text: string): boolean {
  const lower = text.toLowerCase();
  const hasRecipient = /^[ \t]{0,4}(final|original)-recipient[ \t]{0,4}:/m.test(lower);
  return hasRecipient && /^[ \t]{0,4}(action|status|diagnostic-code)[ \t]{0,4}:/m.test(lower);
}

function groupFields(text: string): StatusFields {
  const message: Group = new Map();
  const recipients: Group[] = [];
  let group: Group | undefined;
  let last: string | undefined;
  let afterBlank = false;
  for (const line of text.split('\n')) {
    if (line.trim() === '') {
      afterBlank = true;
      continue;
    }
    const current: Group = group ?? message;
    const isFolded = (line.startsWith(' ') || line.startsWith('\t')) && !afterBlank && last !== undefined;
    if (isFolded && last) {
      append(current, last, line);
      continue;
    }
    const field = splitField(line.trim());
    last = field?.name;
    if (!field) continue;
    if (recipientFields.has(field.name) && startsGroup(group, field.name, afterBlank)) {
      if (recipients.length >= maxGroups) break;
      group = new Map();
      recipients.push(group);
    }
    const into = group ?? message;
    if (!into.has(field.name)) into.set(field.name, field.value);
    afterBlank = false;
  }
  return { message, recipients };
}

/** A blank line alone divides nothing (some MTAs put one after each field); a field that comes again does. */
function startsGroup(group: Group | undefined, name: string, afterBlank: boolean): boolean {
  if (!group) return true;
  if (onceFields.includes(name) && group.has(name)) return true;
  return afterBlank && addressFields.includes(name) && group.has('final-recipient');
}

function append(group: Group, name: string, line: string): void {
  const value = group.get(name);
  if (value !== undefined && value.length < 16_384) group.set(name, `${value} ${line.trim()}`);
}

function readGroup(group: Group, reportingMta: string | null, context: string): ReportedRecipient | undefined {
  const original = recipientOf(group, 'original-recipient');
  const final = recipientOf(group, 'final-recipient') ?? recipientOf(group, 'x-actual-recipient');
  const diagnostic = withoutSmtpType(group.get('diagnostic-code') ?? '');
  const status = readStatus(group.get('status') ?? '');
  if (!original && !final && !status && !diagnostic && !group.has('action')) return undefined;
  return reportedRecipient({
    originalRecipient: original,
    finalRecipient: final,
    recipient: original ?? final ?? addressOf(diagnostic),
    action: actionOf(group.get('action') ?? '', status),
    status,
    diagnostic,
    context: oneLine(`${group.get('status') ?? ''} ${context}`, 2_048),
    reportingMta,
    remoteMta: withoutType(group.get('remote-mta') ?? '') || null,
    evidence: evidenceOf(group),
  });
}

/** A local name without a domain is completed later, from the text about it; X.400 and Unix names are no addresses. */
function recipientOf(group: Group, name: string): string | null {
  const value = group.get(name);
  if (!value) return null;
  const address = addressOf(value);
  if (address) return address;
  const local = withoutType(value).toLowerCase();
  if (local === '' || local.includes('/') || local.includes('=')) return null;
  const isMailName = !value.includes(';') || /^\s*(rfc822|local|smtp|utf-8)\s*;/i.test(value);
  return isName(local) && isMailName ? withoutType(value) : null;
}

function withoutSmtpType(value: string): string {
  const lower = value.slice(0, 40).toLowerCase();
  const end = lower.indexOf(';');
  if (lower.startsWith('x-unix')) return exitStatus(value.slice(end + 1).trim());
  return end !== -1 && !lower.slice(0, end).trim().includes(' ') ? value.slice(end + 1).trim() : value.trim();
}

/** `X-Unix; 67`: the exit status of a local mailer (sysexits.h), where two speak of the recipient. */
function exitStatus(value: string): string {
  if (value === '67') return 'exit status 67, no such user';
  return value === '68' ? 'exit status 68, host unknown' : /^\d{1,3}$/.test(value) ? `exit status ${value}` : value;
}

const actions: readonly (readonly [string, ReportAction])[] = [
  ['fail', 'failed'],
  ['error', 'failed'],
  ['reject', 'failed'],
  ['expire', 'expired'],
  ['delay', 'delayed'],
  ['deliver', 'delivered'],
  ['relay', 'relayed'],
  ['expand', 'expanded'],
];

/** Without a readable Action the status class decides; without both it is a failure, as non-delivery is the common case. */
function actionOf(value: string, status: string | null): ReportAction {
  const lower = value.trim().toLowerCase().slice(0, 60);
  const known = actions.find(([word]) => lower.startsWith(word)) ?? actions.find(([word]) => lower.includes(word));
  if (known) return known[1];
  return status?.startsWith('2') ? 'delivered' : status?.startsWith('4') ? 'delayed' : 'failed';
}

const shownFields = ['original-recipient', 'final-recipient', 'action', 'status', 'diagnostic-code'];

function evidenceOf(group: Group): string[] {
  return shownFields.filter(name => group.has(name)).map(name => group.get(name)!);
}
