// A message's story as lines for a terminal: what was accepted, each attempt, and what was decided and why.

import type { EventKind } from '../mail/outcome.ts';
import { formatDuration } from '../platform/duration.ts';
import type { MessageStory } from '../store/archive.ts';
import { formatTime } from './context.ts';

type Message = MessageStory['message'];
type Delivery = MessageStory['deliveries'][number];
type Attempt = MessageStory['attempts'][number];
type Event = MessageStory['events'][number];

export function tellStory({ message, deliveries, attempts, events, tells }: MessageStory): string {
  const lines = [
    `Message     ${message.message_id}`,
    `Accepted    ${formatTime(message.accepted_at)} ${describeOrigin(message, tells)}`,
    `From        ${message.reverse_path === null ? '<> (null reverse-path)' : message.reverse_path}`,
    `Subject     ${message.subject ?? '-'}`,
    `Message-ID  ${message.internet_message_id ?? '-'}`,
    `Size        ${message.size} bytes`,
    ...tells.map(({ kind, recipient, messageId }) => `Tells of    ${kind}, of ${messageId} to ${recipient}`),
    ...tellDirectives(message),
  ];
  for (const delivery of deliveries) {
    lines.push('', `${delivery.recipient}: ${describeState(delivery)}`);
    const own = attempts.filter(attempt => attempt.n === delivery.n);
    const told = events.filter(event => event.n === delivery.n || event.n === null);
    lines.push(`  ${formatTime(message.accepted_at)}  accepted${describeRoutes(told)}`);
    const entries = [
      ...inOrdinals(own).map(attempt => ({ at: attempt.opened_at, text: describeAttempt(attempt) })),
      ...told.map(event => ({ at: event.at, text: describeEvent(event) })),
    ];
    lines.push(...entries.sort((a, b) => a.at.getTime() - b.at.getTime()).flatMap(entry => entry.text));
    lines.push(...nextDeed(delivery, message.message_id).map(text => `${' '.repeat(27)}→ ${text}`));
  }
  return lines.join('\n');
}

function describeOrigin({ remote_address, credential_name }: Message, tells: MessageStory['tells']): string {
  if (tells.length > 0) return `as a notification of ours, for credential ${credential_name}`;
  return `from ${remote_address} by credential ${credential_name}`;
}

/** By which rules it went, where they are not the default; more than one when rules changed meanwhile. */
function describeRoutes(events: readonly Event[]): string {
  const routes = new Set(events.flatMap(({ data }) => (data as { route?: string } | null)?.route ?? []));
  return routes.size === 0 ? '' : `, by route ${[...routes].join(', then ')}`;
}

/** What the app said about it, and what was found out about who it is from. */
function tellDirectives({ tags, metadata, track, authentication }: Message): string[] {
  const pairs = Object.entries(metadata ?? {}).map(([name, value]) => `${name}=${value}`);
  return [
    ...(tags.length > 0 ? [`Tags        ${tags.join(', ')}`] : []),
    ...(pairs.length > 0 ? [`Metadata    ${pairs.join(', ')}`] : []),
    ...(track === null ? [] : [`Track       ${track.join(', ') || 'none'}`]),
    ...describeAuthentication(authentication),
  ];
}

/** Whatever has a result, with the domain that it is about; and what receivers will make of all of them. */
function describeAuthentication(authentication: unknown): string[] {
  const facts = Object.entries((authentication ?? {}) as Record<string, unknown>).flatMap(([name, found]) =>
    ([found].flat() as ({ result?: string; domain?: string; consequence?: string } | null)[]).map(fact => ({
      ...{ name, ...fact },
    })),
  );
  const results = facts.filter(({ result }) => typeof result === 'string');
  const line = results.map(({ name, result, domain }) => `${name}=${result}${domain ? ` (${domain})` : ''}`).join(', ');
  const consequences = facts.flatMap(({ consequence }) => consequence ?? []);
  return [...(line ? [`Came with   ${line}`] : []), ...consequences.map(text => `Receivers   ${text}`)];
}

const DEEDS: Partial<Record<EventKind, string>> = {
  held: 'held',
  released: 'released by hand',
  cancelled: 'cancelled by hand',
  retried: 'retried by hand',
  repeated: 'came again: answered with the same id, sent once',
};

function describeDeed(kind: EventKind, { reason, because, remoteAddress }: Readonly<Record<string, unknown>>): string {
  const why = kind === 'held' ? reason : (because ?? (remoteAddress && `from ${remoteAddress}`));
  return `${DEEDS[kind]}${why ? ` (${why})` : ''}`;
}

function describeState({ state, reason, due_at, parked, lease_holder }: Delivery): string {
  if (state !== 'queued') return `${state}${reason ? ` (${reason})` : ''}`;
  if (lease_holder) return 'being tried';
  const why = reason ? ` (${reason})` : '';
  const next = due_at!.getTime() > Date.now() ? formatTime(due_at!) : null;
  if (reason === 'scheduled' && next) return `scheduled for ${next}`;
  if (parked) return `queued until an upstream is back${next ? `, or ${next}` : ''}${why}`;
  return `queued, ${next ? `next try ${next}` : 'due now'}${why}`;
}

/** What a person may do about it, where nothing else will. */
function nextDeed({ state, recipient }: Delivery, messageId: string): string[] {
  if (state === 'held') return [`npx postern message release ${messageId}`];
  if (state === 'suppressed') return [`npx postern suppression list --address ${recipient}`];
  return [];
}

/** As a person counts them: numbers are left out where a claim came to nothing. */
function inOrdinals(attempts: readonly Attempt[]): Attempt[] {
  const numbers = [...new Set(attempts.map(({ attempt }) => attempt))];
  return attempts.map(one => ({ ...one, attempt: numbers.indexOf(one.attempt) + 1 }));
}

function describeAttempt(attempt: Attempt): string[] {
  const head = `  ${formatTime(attempt.opened_at)}  attempt ${attempt.attempt} at ${attempt.upstream}`;
  if (attempt.result === null) return [`${head}: no end recorded, it may have been delivered`];
  if (attempt.result === 'skipped') return [`${head}: passed over, ${attempt.detail}`];
  const took = formatDuration(attempt.ended_at!.getTime() - attempt.opened_at.getTime());
  const where = [attempt.remote_address, attempt.tls].filter(Boolean).join(', ');
  const code = [attempt.smtp_code, attempt.enhanced_status].filter(Boolean).join(' ');
  const stage = attempt.stage ? ` at ${attempt.stage}` : '';
  return [
    `${head}${where ? ` (${where})` : ''}: ${attempt.result}${stage} after ${took}`,
    `${' '.repeat(27)}${code ? `${code} ` : ''}${attempt.detail}`,
    `${' '.repeat(27)}→ ${attempt.decision}`,
  ];
}

const INDENT = ' '.repeat(27);

/** What attempts do not tell: what came back, what was done about it, and what people did. */
function describeEvent({ at, kind, data }: Event): string[] {
  const head = `  ${formatTime(at)}  `;
  const told = (data ?? {}) as Readonly<Record<string, unknown>>;
  switch (kind) {
    case 'held':
    case 'released':
    case 'cancelled':
    case 'retried':
    case 'repeated':
      return [`${head}${describeDeed(kind, told)}`];
    case 'bounced':
    case 'complained':
    case 'delay-reported':
    case 'delivery-confirmed':
    case 'auto-replied':
    case 'rejected-by-provider':
      return [
        `${head}${kind.replaceAll('-', ' ')}: ${told.reason}${told.verdict === 'hard' ? ', hard' : ''} (rule ${told.rule})`,
        `${INDENT}${printable(told.said)}`,
        ...(told.report
          ? [`${INDENT}report ${told.report}${teller(told)}, tied by ${printable(told.correlation)}`]
          : []),
        `${INDENT}→ ${told.decision}: ${told.decidedBy}`,
      ];
    case 'report-unproven':
      return [
        `${head}a report that proves nothing: ${told.action}, ${told.reason} (rule ${told.rule})`,
        `${INDENT}report ${told.report}${teller(told)}, tied by ${printable(told.why)}`,
        `${INDENT}→ nothing`,
      ];
    case 'delayed':
      return [`${head}delayed: still queued${told.reason ? ` (${printable(told.reason)})` : ''}`];
    case 'dsn-sent':
      return [`${head}told ${printable(told.to)} of ${told.kind} (${told.rule}): message ${told.dsn}`];
    case 'expired':
      // What an attempt ended in is told with the attempt.
      return told.upstream ? [] : [`${head}expired: ${printable(told.reason ?? 'it was too old when its turn came')}`];
    case 'address-suppressed':
      return [`${head}${printable(told.address)} suppressed as ${told.reason}: ${told.rule}`];
    default:
      return [];
  }
}

/** Who told it over HTTP; mail is told by anybody. */
function teller({ toldBy }: Readonly<Record<string, unknown>>): string {
  return toldBy ? ` by ${printable(toldBy)}` : '';
}

/** Remote hosts' words must not drive the terminal. */
function printable(text: unknown): string {
  return String(text ?? '').replaceAll(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '·');
}
