// A message's story as lines for a terminal: what was accepted, each attempt, and what was decided and why.

import { formatDuration } from '../platform/duration.ts';
import type { MessageStory } from '../store/archive.ts';
import { formatTime } from './context.ts';

type Delivery = MessageStory['deliveries'][number];
type Attempt = MessageStory['attempts'][number];

export function tellStory({ message, deliveries, attempts, events }: MessageStory): string {
  const lines = [
    `Message     ${message.message_id}`,
    `Accepted    ${formatTime(message.accepted_at)} from ${message.remote_address} by credential ${message.credential_name}`,
    `From        ${message.reverse_path === null ? '<> (null reverse-path)' : message.reverse_path}`,
    `Subject     ${message.subject ?? '-'}`,
    `Message-ID  ${message.internet_message_id ?? '-'}`,
    `Size        ${message.size} bytes`,
  ];
  for (const delivery of deliveries) {
    lines.push('', `${delivery.recipient}: ${describeState(delivery)}`);
    const own = attempts.filter(attempt => attempt.n === delivery.n);
    lines.push(`  ${formatTime(message.accepted_at)}  accepted`);
    const retried = events.filter(event => event.n === delivery.n && event.kind === 'retried');
    const entries = [
      ...own.map(attempt => ({ at: attempt.opened_at, text: describeAttempt(attempt) })),
      ...retried.map(({ at }) => ({ at, text: [`  ${formatTime(at)}  retried by hand`] })),
    ];
    lines.push(...entries.sort((a, b) => a.at.getTime() - b.at.getTime()).flatMap(entry => entry.text));
  }
  return lines.join('\n');
}

function describeState({ state, reason, due_at, parked, lease_holder }: Delivery): string {
  if (state !== 'queued') return `${state}${reason ? ` (${reason})` : ''}`;
  if (lease_holder) return 'being tried';
  const why = reason ? ` (${reason})` : '';
  const next = due_at!.getTime() > Date.now() ? formatTime(due_at!) : null;
  if (parked) return `queued until an upstream is back${next ? `, or ${next}` : ''}${why}`;
  return `queued, ${next ? `next try ${next}` : 'due now'}${why}`;
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
