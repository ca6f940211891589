/**
 * A bounce that a person forwarded from a mail program: quoted, under "Begin forwarded message:". Believed only where the
 * quoted header itself is that of a bounce; a letter that merely quotes one in passing is ordinary mail.
 */
import { holdsStatusFields, readDeliveryStatus } from './dsn.ts';
import { isFailureSubject } from './evidence.ts';
import type { FreeformInput } from './family.ts';
import type { Freeform } from './freeform.ts';
import { readFreeform } from './freeform.ts';

const forwardMarks = ['begin forwarded message', 'forwarded message', 'weitergeleitete nachricht', 'message transféré'];

export function readForwarded(input: FreeformInput): Freeform | undefined {
  const subject = input.message.header.text('subject').toLowerCase();
  const isForward = subject.startsWith('fwd:') || subject.startsWith('fw:') || subject.startsWith('wg:');
  if (!isForward || !isFailureSubject(subject)) return undefined;
  const head = input.report.lines.slice(0, 20).map(line => line.toLowerCase().trim());
  const from = head.find(line => line.startsWith('from:')) ?? '';
  const quoted = head.find(line => line.startsWith('subject:')) ?? '';
  const isBounce = from.includes('mailer-daemon') && isFailureSubject(quoted);
  if (!isBounce || !forwardMarks.some(mark => input.report.folded.includes(mark))) return undefined;
  if (holdsStatusFields(input.report.text)) {
    const recipients = readDeliveryStatus(input.report.text, input.report.text);
    if (recipients.length > 0) return { format: 'forwarded', recipients };
  }
  return readFreeform(input, { weight: 3, signs: ['forwarded'] });
}
