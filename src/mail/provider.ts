// Whose host an upstream or an MX record names: what SPF must include, how replies are worded and what events repeat all
// hang on it.

type HostPattern = string | RegExp;

/** Below amazonaws.com is everybody who rents a machine there; these are the mail servers. */
export const SES_HOSTS: readonly HostPattern[] = [
  /(^|\.)(email|inbound)-smtp(-fips)?\.[a-z\d-]+\.(vpce\.)?amazonaws\.com(\.cn)?$/,
];

const HOSTS = {
  ses: SES_HOSTS,
  sendgrid: ['sendgrid.net'],
  mailgun: ['mailgun.org'],
  postmark: ['postmarkapp.com'],
  sparkpost: ['sparkpostmail.com'],
  brevo: ['brevo.com', 'sendinblue.com'],
  mailjet: ['mailjet.com'],
  smtp2go: ['smtp2go.com'],
  zoho: ['zoho.com', 'zoho.eu', 'zoho.in', 'zoho.jp', 'zoho.com.au', 'zohomail.com'],
  google: ['gmail.com', 'google.com'],
  microsoft: ['office365.com', 'outlook.com'],
  yahoo: ['yahoodns.net', 'yahoo.com', 'aol.com'],
  apple: ['icloud.com', 'me.com'],
} as const satisfies Record<string, readonly HostPattern[]>;

export type Provider = keyof typeof HOSTS;

export const PROVIDERS = Object.keys(HOSTS) as readonly Provider[];

/** By the name of the host, as the settings or an MX record have it; null = nobody that we know. */
export function providerOfHost(host: string): Provider | null {
  return PROVIDERS.find(provider => isHostOf(host, HOSTS[provider])) ?? null;
}

/** Whether it is one of them, or below one that is a name. */
export function isHostOf(host: string, patterns: readonly HostPattern[]): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return patterns.some(pattern =>
    typeof pattern === 'string' ? name === pattern || name.endsWith(`.${pattern}`) : pattern.test(name),
  );
}
