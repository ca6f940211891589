/**
 * Is this mail from a mail system about a failed delivery? Signs are counted, none alone is enough: ordinary people write
 * about bounces, newsletters have null return paths, and postmasters send newsletters. Every sign keeps its name, so that
 * `explain` can show why a mail was believed or not.
 */
import type { Header } from '../mime/header.ts';
import { findAddresses, localPartOf } from './address.ts';
import { daemonLocals, daemonNames, daemonParts, failureSentences } from './daemon-names.ts';
import { delaySubjects, failureSubjects } from './subjects.ts';

export interface Evidence {
  readonly weight: number;
  readonly signs: readonly string[];
}

/** What a mail without machine-readable part needs to be read as a bounce. */
export const enoughWeight = 3;

export function weighHeader(header: Header, type: string, reportType = ''): Evidence {
  const signs: [string, number][] = [];
  const subject = header.text('subject').toLowerCase().trim();
  const daemon = isMailerDaemon(header) ? 3 : isDaemon(header) ? 2 : 0;
  if (daemon > 0) signs.push(['from-daemon', daemon]);
  if (isFailureSubject(subject)) signs.push(['subject', 2]);
  if (hasNullReturnPath(header)) signs.push(['null-return-path', 1]);
  if (header.has('x-failed-recipients')) signs.push(['x-failed-recipients', 3]);
  if (type === 'multipart/report')
    signs.push(['multipart-report', reportType.toLowerCase() === 'delivery-status' ? 2 : 1]);
  if (isMailSystem(header)) signs.push(['x-mailer', 1]);
  if (isFromList(header) && daemon < 3) signs.push(['mailing-list', isToListOwner(header) ? -1 : -4]);
  if (isReply(subject) && daemon === 0) signs.push(['reply', -2]);
  return { weight: signs.reduce((sum, [, weight]) => sum + weight, 0), signs: signs.map(([name]) => name) };
}

/**
 * Adds what the text says, for mail whose header already points to a machine that reports something: people's letters,
 * and a postmaster's circulars and DMARC reports, use the same words.
 */
export function weighText(evidence: Evidence, folded: string): Evidence {
  const isMachine = machineSigns.some(sign => evidence.signs.includes(sign));
  const isBareDaemon = evidence.weight === 2 && evidence.signs.length === 1;
  const head = folded.slice(0, 2_000);
  if (evidence.weight < 2 || !isMachine || isBareDaemon || !failureSentences.some(words => head.includes(words)))
    return evidence;
  return { weight: evidence.weight + 1, signs: [...evidence.signs, 'text'] };
}

const machineSigns = ['from-daemon', 'null-return-path', 'multipart-report', 'x-failed-recipients'];

/** Nobody writes letters as MAILER-DAEMON; a bounce from one may well have come through a list's administrator. */
function isMailerDaemon(header: Header): boolean {
  const lower = header.get('from').toLowerCase();
  return ['mailer-daemon', 'mailer_daemon', 'mailerdaemon', 'mdaemon@'].some(name => lower.includes(name));
}

export function isDaemon(header: Header): boolean {
  return ['from', 'sender'].some(name => header.get(name) !== '' && isDaemonName(header, header.get(name)));
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
  if (local.startsWith('microsoftexchange') || daemonParts.some(part => local.includes(part))) return true;
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

/** Written to the list's owner or bounce handler: lists put their own fields on that, too. */
function isToListOwner(header: Header): boolean {
  const local = localPartOf(findAddresses(header.get('to'), 1)[0] ?? '').toLowerCase();
  return (
    ['-admin', '-bounces', '-bounce', '-owner', '-errors'].some(end => local.endsWith(end)) ||
    local.startsWith('owner-')
  );
}

function isReply(subject: string): boolean {
  return ['re:', 'aw:', 'fw:', 'fwd:', 'sv:', 'antw:', 'rif:', 'res:', 'tr:', 'wg:'].some(prefix =>
    subject.startsWith(prefix),
  );
}

function isMailSystem(header: Header): boolean {
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
