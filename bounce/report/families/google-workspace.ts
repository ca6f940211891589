/**
 * Google Workspace, "Send mail as": status part empty, recipient named nowhere but in the returned header.
 * (X-Failed-Recipients names the expanded list member here, not what was mailed).
 * Sample: ** Message not delivered ** You're sending this from a different address or alias using the 'Send mail as' feature.
 */
import type { CustomFamily, FreeformInput } from '../family.ts';
import type { Reading } from '../recipient.ts';

export const googleWorkspace: CustomFamily = {
  name: 'google-workspace',
  marks: ['p=customfromdenied', "'send mail as'"],
  read,
};

function read({ report, failed, mailed }: FreeformInput): Reading[] {
  const recipients = mailed.length > 0 ? mailed : failed;
  const diagnostic = report.lines.filter(line => line.trim() !== '').join('\n');
  return recipients.map(recipient => ({
    finalRecipient: recipient,
    diagnostic: `${diagnostic} customfromdenied`,
    evidence: [`To: ${recipient}`],
  }));
}
