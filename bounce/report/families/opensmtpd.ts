/**
 * OpenSMTPD: one line a recipient.
 * Sample:
 *     joe@example.org: 550 5.1.1 No such user
 */
import type { BlockFamily } from '../blocks.ts';

export const opensmtpd: BlockFamily = {
  name: 'opensmtpd',
  marks: ['this is the mailer-daemon, please do not reply', 'list of recipients:'],
  recipients: ['{addr}: {text}', '{addr}:'],
  from: ['recipients'],
  until: ['please note that', 'below is a copy'],
};
