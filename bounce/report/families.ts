/** The families in the order in which they are tried: the surest marks first. One file each in `families/`. */
import { amavis } from './families/amavis.ts';
import { aol } from './families/aol.ts';
import { communigate } from './families/communigate.ts';
import { courier } from './families/courier.ts';
import { deliveryErrors } from './families/delivery-errors.ts';
import { domino } from './families/domino.ts';
import { dragonfly } from './families/dragonfly.ts';
import { errorList } from './families/error-list.ts';
import { exchange5 } from './families/exchange5.ts';
import { exchange2007 } from './families/exchange2007.ts';
import { exim } from './families/exim.ts';
import { failedRecipients } from './families/failed-recipients.ts';
import { fml } from './families/fml.ts';
import { gmail } from './families/gmail.ts';
import { gmx } from './families/gmx.ts';
import { googleGroups } from './families/google-groups.ts';
import { googleWorkspace } from './families/google-workspace.ts';
import { groupwise } from './families/groupwise.ts';
import { icewarp } from './families/icewarp.ts';
import { imail } from './families/imail.ts';
import { kddi } from './families/kddi.ts';
import { mailfoundry } from './families/mailfoundry.ts';
import { mailmarshal } from './families/mailmarshal.ts';
import { mcafee } from './families/mcafee.ts';
import { mdaemon } from './families/mdaemon.ts';
import { mercury } from './families/mercury.ts';
import { messagelabs } from './families/messagelabs.ts';
import { mfilter } from './families/mfilter.ts';
import { mimecast } from './families/mimecast.ts';
import { mms } from './families/mms.ts';
import { mxlogic } from './families/mxlogic.ts';
import { notes } from './families/notes.ts';
import { opensmtpd } from './families/opensmtpd.ts';
import { outlook } from './families/outlook.ts';
import { postfix } from './families/postfix.ts';
import { qmail } from './families/qmail.ts';
import { sendmail } from './families/sendmail.ts';
import { surfcontrol } from './families/surfcontrol.ts';
import { transcript } from './families/transcript.ts';
import { yahoo } from './families/yahoo.ts';
import { zoho } from './families/zoho.ts';
import type { CustomFamily, Family } from './family.ts';

export const customFamilies: readonly CustomFamily[] = [googleGroups, googleWorkspace, aol, exim, sendmail];

export const blockFamilies: readonly Family[] = [
  gmx,
  yahoo,
  messagelabs,
  qmail,
  postfix,
  mxlogic,
  dragonfly,
  opensmtpd,
  gmail,
  icewarp,
  outlook,
  exchange5,
  domino,
  notes,
  mailmarshal,
  mimecast,
  mfilter,
  kddi,
  zoho,
  communigate,
  mailfoundry,
  fml,
  mms,
  mcafee,
  failedRecipients,
  deliveryErrors,
  errorList,
  amavis,
  groupwise,
  mdaemon,
  courier,
  imail,
  exchange2007,
  surfcontrol,
  transcript,
  mercury,
];
