/**
 * An SMTP conversation inside the text: EZweb/au, InterScan, Courier, Postfix's notices to its postmaster, and others.
 * The recipient is whoever's RCPT was refused; where none was, everybody accepted before the refusal of the data.
 * Sample:
 *     >>> RCPT TO:<joe@example.org>
 *     <<< 550 <joe@example.org>: User unknown
 */
import { addressOf } from '../address.ts';
import type { CustomFamily, FreeformInput } from '../family.ts';
import type { Reading } from '../recipient.ts';

export const transcript: CustomFamily = { name: 'transcript', marks: ['rcpt to:'], read, needs: 3 };

const sent = ['>>>', 'in:', 'sent <<<', 'sent:', '-->', 'c:', '->', '<<-', '>'];
const received = ['<<<', 'out:', 'received >>>', 'received:', '<--', 's:', '<-', '->>', '<'];

function read({ report }: FreeformInput): Reading[] {
  const readings: Reading[] = [];
  let pending: { address: string; line: string }[] = [];
  for (const line of report.lines) {
    const text = line.trim();
    const command = after(text, sent);
    const answer = after(text, received) ?? (/^[245]\d\d[ -]/.test(text) ? text : undefined);
    if (command?.toLowerCase().startsWith('rcpt to')) {
      const address = addressOf(command.slice(7));
      if (address) pending.push({ address, line: text });
    } else if (answer && /^[45]\d\d/.test(answer) && pending.length > 0) {
      readings.push(
        ...pending.map(one => ({ finalRecipient: one.address, diagnostic: answer, evidence: [one.line, text] })),
      );
      pending = [];
    } else if (answer && last(readings) && /^[45]\d\d-?/.test(answer)) continue;
  }
  return readings;
}

function last(readings: readonly Reading[]): boolean {
  return readings.length > 0;
}

/** The text behind the first mark that the line begins with, longest marks being listed first. */
function after(line: string, marks: readonly string[]): string | undefined {
  const lower = line.toLowerCase();
  const mark = marks.find(one => lower.startsWith(one));
  return mark === undefined ? undefined : line.slice(mark.length).trim();
}
