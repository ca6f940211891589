/**
 * Google Groups: a courteous letter in any language that names the group without its domain; X-Failed-Recipients or the
 * returned header has the address. The untranslated mark is the support address.
 * Sample: … the group you tried to contact (example) may not exist, or you may not have permission to post …
 */
import type { CustomFamily, FreeformInput } from '../family.ts';
import type { Reading } from '../recipient.ts';

export const googleGroups: CustomFamily = {
  name: 'google-groups',
  marks: ['groups.google.com/support', '//groups.google.com/'],
  read,
};

function read({ report, failed, mailed }: FreeformInput): Reading[] {
  const recipients = failed.length > 0 ? failed : mailed.slice(0, 1);
  const diagnostic = report.lines
    .filter(line => line.trim() !== '')
    .slice(0, 3)
    .join('\n');
  return recipients.map(recipient => ({
    finalRecipient: recipient,
    diagnostic: `${diagnostic} groups.google.com/support`,
    evidence: [diagnostic],
  }));
}
