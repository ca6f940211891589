/**
 * AOL before 2015: screen names without a domain, which is the reporter's.
 * Sample:
 *     Your mail to the following recipients could not be delivered because they are not accepting mail from …:
 *             joescreen
 */
import { scanAddress } from '../address.ts';
import { isName } from '../complete.ts';
import type { CustomFamily, FreeformInput } from '../family.ts';
import type { Reading } from '../recipient.ts';

export const aol: CustomFamily = {
  name: 'aol',
  marks: ['your mail to the following recipients could not be delivered'],
  read,
};

function read({ report }: FreeformInput): Reading[] {
  const start = report.lines.findIndex(line => line.toLowerCase().includes('your mail to the following'));
  const rest = report.lines.slice(start);
  const names = rest.map(line => line.trim()).filter(line => isName(line) || scanAddress(line, 0) !== undefined);
  const reason = rest
    .filter(line => line.includes(' '))
    .slice(0, 3)
    .join(' ');
  return names.map(name => ({
    finalRecipient: scanAddress(name, 0)?.address ?? name,
    diagnostic: reason,
    evidence: [name],
  }));
}
