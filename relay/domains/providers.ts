// What must be known about upstreams to publish the right records for them: whom SPF has to name, whether they use a
// return path of their own, and which header fields they write anew.
//
// The values stand in each provider's own guide; where that could not be read when this was written, in the guide that is
// named. Last compared in November 2026.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isHostOf, SES_HOSTS } from '../../src/mail/provider.ts';

export type Provider = {
  /** Of POSTERN_UPSTREAMS: the host, or what it ends with behind a dot. */
  readonly hosts: Parameters<typeof isHostOf>[1];
  readonly include: string;
  /**
   * Readers see a return path of the provider's domain, whose SPF is the provider's business: naming it in ours does no
   * harm and is only advised.
   */
  readonly ownReturnPath: boolean;
  /** In lower case. */
  readonly rewrites?: readonly string[];
};

const PROVIDERS: readonly Provider[] = [
  // docs.aws.amazon.com/ses/latest/dg/send-email-authentication-spf.html; not to be signed: …-dkim-manual.html
  { hosts: SES_HOSTS, include: 'amazonses.com', ownReturnPath: true, rewrites: ['message-id', 'date'] },
  // on.bo/esp/postmark, mailermonk.com/guides/spf/postmark; own return path: spfwise.com/en/article/postmark-spf-dkim-dmarc-setup
  { hosts: ['smtp.postmarkapp.com', 'smtp-broadcasts.postmarkapp.com'], include: 'spf.mtasv.net', ownReturnPath: true },
  // docs.rocketlead.io/administration/email-setup/spf-record-patterns
  { hosts: ['mailgun.org'], include: 'mailgun.org', ownReturnPath: true },
  // support.starshipit.com/hc/en-us/articles/360001215976, docs.rocketlead.io (as above)
  { hosts: ['sendgrid.net'], include: 'sendgrid.net', ownReturnPath: true },
  // sites.google.com/esc12.net/k12cybereyeswideopen/securing-email/spf; the relay keeps the envelope sender
  { hosts: ['smtp-relay.gmail.com', 'smtp.gmail.com'], include: '_spf.google.com', ownReturnPath: false },
  // emailauth.io/article/how-to-setup-spf-for-office365
  {
    hosts: ['mail.protection.outlook.com', 'office365.com'],
    include: 'spf.protection.outlook.com',
    ownReturnPath: false,
  },
  // sparkpost.com/resources/email-explained/spf-sender-policy-framework
  { hosts: ['sparkpostmail.com'], include: 'sparkpostmail.com', ownReturnPath: true },
  // emailmarketingworks.blogspot.com/2023/08/spf-record-tips.html; documentation.mailjet.com shows it by account
  { hosts: ['mailjet.com'], include: 'spf.mailjet.com', ownReturnPath: true },
  // suped.com/email-deliverability/answers/how-should-i-combine-spf-records-and-what-domain-should-i-use-with-sendinblue
  { hosts: ['brevo.com', 'sendinblue.com'], include: 'spf.brevo.com', ownReturnPath: true },
  // spfcreator.com/resources/spf-record-for-zoho: one a data centre
  { hosts: ['zoho.com'], include: 'zoho.com', ownReturnPath: false },
  { hosts: ['zoho.eu'], include: 'zoho.eu', ownReturnPath: false },
  { hosts: ['zoho.in'], include: 'zoho.in', ownReturnPath: false },
  { hosts: ['zoho.com.au'], include: 'zoho.com.au', ownReturnPath: false },
  { hosts: ['zoho.jp'], include: 'zoho.jp', ownReturnPath: false },
  // sendmarc.com/spf/spf-mandrill
  { hosts: ['mandrillapp.com'], include: 'spf.mandrillapp.com', ownReturnPath: true },
  // mailermonk.com/guides/spf/fastmail
  { hosts: ['fastmail.com'], include: 'spf.messagingengine.com', ownReturnPath: false },
];

/** Whom an upstream's mail comes from, as an SPF term; null when we cannot know it. */
export type Sender = {
  readonly host: string;
  readonly term: string | null;
  readonly required: boolean;
};

/** One for each upstream that differs from those before. */
export function sendersOf(hosts: readonly string[]): Sender[] {
  const senders = hosts.map(senderOf);
  return senders.filter(
    ({ term, host }, i) => senders.findIndex(other => (other.term ?? other.host) === (term ?? host)) === i,
  );
}

/** Header fields that one of the upstreams writes anew, in lower case. */
export function rewrittenFields(hosts: readonly string[]): ReadonlySet<string> {
  return new Set(hosts.flatMap(host => providerOf(host)?.rewrites ?? []));
}

/** By the name of the upstream: the domain that an SPF record includes to cover it, where that is known. */
export function includesOf(
  upstreams: readonly { readonly name: string; readonly host: string }[],
): Map<string, string> {
  const known = upstreams.map(({ name, host }) => [name, providerOf(host)?.include] as const);
  return new Map(known.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function senderOf(host: string): Sender {
  const provider = providerOf(host);
  if (provider) return { host, term: `include:${provider.include}`, required: !provider.ownReturnPath };
  const version = isIP(host);
  // What leaves a private network comes from another address, which only its operator knows. So does what one's own
  // machine sends on.
  if (version && ipaddr.parse(host).range() !== 'unicast') return { host, term: null, required: true };
  if (version) return { host, term: `ip${version}:${host}`, required: true };
  return host.includes('.') ? { host, term: `a:${host}`, required: true } : { host, term: null, required: true };
}

function providerOf(host: string): Provider | undefined {
  return PROVIDERS.find(({ hosts }) => isHostOf(host, hosts));
}
