// Whose host an upstream is, where its replies have words of their own.

const HOSTS = {
  ses: ['amazonaws.com'],
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
} as const;

export type Provider = keyof typeof HOSTS;

export const PROVIDERS = Object.keys(HOSTS) as readonly Provider[];

/** By the name of the host, as the settings or an MX record have it; null = nobody that we know. */
export function providerOfHost(host: string): Provider | null {
  const name = host.toLowerCase().replace(/\.$/, '');
  const isBelow = (suffix: string) => name === suffix || name.endsWith(`.${suffix}`);
  return PROVIDERS.find(provider => HOSTS[provider].some(isBelow)) ?? null;
}
