/**
 * Is this mail from a mail system about a failed delivery? Signs are counted, none alone is enough: ordinary people write
 * about bounces, newsletters have null return paths, and postmasters send newsletters. Every sign keeps its name, so that
 * `explain` can show why a mail was believed or not.
 */
import type { Header } from '../mime/header.ts';
import { findAddresses, localPartOf } from './address.ts';
import { delaySubjects, failureSubjects } from './subjects.ts';

export interface Evidence {
  readonly weight: number;
  readonly signs: readonly string[];
}

/** What a mail without machine-readable part needs to be read as a bounce. */
export const enoughWeight = 3;

export function weighHeader(header: Header, type: string): Evidence {
  const signs: [string, number][] = [];
  const subject = header.text('subject').toLowerCase().trim();
  if (isDaemon(header)) signs.push(['from-daemon', 2]);
  if (isFailureSubject(subject)) signs.push(['subject', 2]);
  if (hasNullReturnPath(header)) signs.push(['null-return-path', 1]);
  if (header.has('x-failed-recipients')) signs.push(['x-failed-recipients', 3]);
  if (type === 'multipart/report') signs.push(['multipart-report', 1]);
  if (isSmtp32(header)) signs.push(['x-mailer', 1]);
  if (isFromList(header)) signs.push(['mailing-list', -3]);
  if (isReply(subject) && !isDaemon(header)) signs.push(['reply', -2]);
  return { weight: signs.reduce((sum, [, weight]) => sum + weight, 0), signs: signs.map(([name]) => name) };
}

export function isDaemon(header: Header): boolean {
  return [header.get('from'), header.get('sender')].some(value => value !== '' && isDaemonName(header, value));
}

function isDaemonName(header: Header, value: string): boolean {
  const lower = value.toLowerCase();
  const local = localPartOf(findAddresses(value, 5).pop() ?? '').toLowerCase();
  if (
    daemonLocals.some(
      name =>
        local === name || local.startsWith(`${name}-`) || local.startsWith(`${name}_`) || local.startsWith(`${name}.`),
    )
  )
    return true;
  if (local.startsWith('microsoftexchange')) return true;
  if (local === '' && (lower.trim() === '<>' || daemonLocals.some(name => lower.includes(name)))) return true;
  const named = header.text('from').toLowerCase();
  return daemonNames.some(name => named.includes(name));
}

export function isFailureSubject(subject: string): boolean {
  const lower = subject.toLowerCase();
  return failureSubjects.some(words => lower.includes(words)) || delaySubjects.some(words => lower.includes(words));
}

export function hasNullReturnPath(header: Header): boolean {
  return header.all('return-path').some(value => {
    const path = value.trim().toLowerCase();
    return (
      path === '<>' ||
      path === '' ||
      path.startsWith('<mailer-daemon') ||
      path === 'mailer-daemon' ||
      path.startsWith('<postmaster@')
    );
  });
}

export function isFromList(header: Header): boolean {
  const isBulk = ['bulk', 'list'].includes(header.get('precedence').toLowerCase()) && !isDaemon(header);
  return isBulk || ['list-id', 'list-unsubscribe', 'list-post'].some(name => header.has(name));
}

function isReply(subject: string): boolean {
  return ['re:', 'aw:', 'fw:', 'fwd:', 'sv:', 'antw:', 'rif:', 'res:', 'tr:', 'wg:'].some(prefix =>
    subject.startsWith(prefix),
  );
}

function isSmtp32(header: Header): boolean {
  const mailer = header.get('x-mailer').toLowerCase();
  return [
    'smtp32',
    'internet mail service',
    'internet mail connector',
    'm-filter',
    'amazon workmail',
    'zoho mail',
  ].some(name => mailer.includes(name));
}

const daemonLocals = [
  'mailer-daemon',
  'mailer_daemon',
  'mailerdaemon',
  'mail-daemon',
  'maildaemon',
  'mdaemon',
  'postmaster',
  'post_master',
  'postmast',
  'mail.delivery.system',
  'mail-delivery-system',
  'maildeliverysystem',
  'mail-delivery-subsystem',
  'delivery-failure',
  'bounce-notification',
  'mailadmin',
  'mail-system',
  'mailsystem',
  'mta-admin',
  'mmdf',
  'pmdf',
  'noreply-postmaster',
  'double-bounce',
  'undeliverable',
];

const daemonNames = [
  'mail delivery sub',
  'mail delivery sys',
  'mail delivery service',
  'mail delivery agent',
  'mail deliver',
  'mail administrator',
  'mailer-daemon',
  'mailer daemon',
  'mail system',
  'mail server',
  'mail gateway',
  'e-mail delivery',
  'delivery subsystem',
  'delivery failure',
  'system administrator',
  'systemadministrator',
  'internet mail delivery',
  'internet mail service',
  'microsoft exchange',
  'microsoft outlook',
  'postmaster',
  'mailzustell',
  'courier mail',
  'interscan',
  'administrateur syst',
  'administrador del sistema',
  'amministratore di sistema',
];
