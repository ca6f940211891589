// Upstreams of which only a few replies are on record. Postmark takes whatever is well formed and refuses later, by
// webhook; what it says in a session is what any Postfix says.
import type { Fault } from './fault.ts';

export const smallerProviderFaults: readonly Fault[] = [
  {
    name: 'brevo-not-activated',
    scope: 'upstream',
    opens: true,
    words: ['your smtp account is not yet activated'],
    source: 'https://github.com/supabase/agent-skills/issues/133',
    example: ['data', '502 5.7.0 Your SMTP account is not yet activated'],
  },
  {
    name: 'brevo-not-logged-in',
    scope: 'upstream',
    codes: [502],
    words: ['please authenticate first'],
    source: 'https://github.com/frappe/frappe/issues/38806',
    example: ['mail', '502 5.7.0 Please authenticate first'],
  },
  {
    name: 'mailjet-login-refused',
    scope: 'upstream',
    codes: [435],
    source: 'https://github.com/mailjet/mailjet-gem/issues/14',
    example: ['auth', '435 4.7.8 Error: authentication failed:'],
  },
  {
    name: 'smtp2go-address-not-allowed',
    scope: 'upstream',
    words: ['that ip address is not allowed to send'],
    source: 'https://github.com/gophish/gophish/issues/1701',
    example: ['mail', '550 that IP address is not allowed to send'],
  },
  {
    name: 'sparkpost-unconfigured-domain',
    scope: 'sender',
    permanent: true,
    words: ['unconfigured sending domain'],
    source: 'https://support.sparkpost.com/docs/faq/error-messages-smtp',
    example: ['final', '550 5.7.1 Unconfigured Sending Domain <demo.example.com>'],
  },
  {
    name: 'sparkpost-json',
    scope: 'message',
    permanent: true,
    words: ['json parsing error in x-msys-api'],
    source: 'https://support.sparkpost.com/docs/faq/error-messages-smtp',
    example: ['final', '550 5.6.0 JSON parsing error in X-MSYS-API'],
  },
  {
    name: 'sparkpost-suppressed',
    scope: 'recipient',
    permanent: true,
    words: ['recipient address was suppressed due to'],
    source: 'https://help.infoodle.com/docs/email-error-messages',
    example: ['final', '554 5.7.1 recipient address was suppressed due to customer policy'],
  },
  {
    name: 'sparkpost-backing-off',
    scope: 'upstream',
    slows: true,
    words: ['[internal] sending ip temporarily suspended'],
    source: 'https://help.infoodle.com/docs/email-error-messages',
    example: ['final', '451 4.3.0 [internal] Sending IP temporarily suspended'],
  },
  {
    name: 'zoho-outgoing-blocked',
    scope: 'upstream',
    opens: true,
    words: ['email outgoing blocked', 'authentication failed:554 5.1.8 sender address blocked'],
    source: 'https://help.zoho.com/portal/en/community/topic/554-5-1-8-email-outgoing-blocked-13-11-2017',
    example: ['final', '554 5.1.8 email outgoing blocked'],
  },
  {
    name: 'zoho-unusual-activity',
    scope: 'upstream',
    opens: true,
    words: ['unusual sending activity detected'],
    source: 'https://github.com/cachethq/cachet/issues/3052',
    example: [
      'final',
      '550 5.4.6 Unusual sending activity detected. <a href=https://www.zoho.com/mail/help/usage-policy.html target=_blank>Learn more.</a> To unblock <a href=https://mail.zoho.com/UnblockMe target=_blank>Click here.</a>',
    ],
  },
  {
    // Not relaying as others mean it: the From field is of somebody else.
    name: 'zoho-from-not-own',
    scope: 'sender',
    permanent: true,
    words: ['relaying disallowed as'],
    source: 'https://github.com/mattermost/mattermost/issues/13224',
    example: ['final', '553 Relaying disallowed as @'],
  },
];
