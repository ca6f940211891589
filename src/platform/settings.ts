// Every setting: its name, how it is read, what holds without it, and one sentence. docs/settings.md is checked against
// this table, and nothing else reads the environment.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { durationMs, retrySchedule } from './duration.ts';
import { mailboxUrls } from './mailbox-url.ts';
import { basicAccounts, publicKeyAccounts, signingKeyAccounts, topicArn } from './provider-accounts.ts';
import { lifetimeRules, routeRules } from './route-rules.ts';
import { parseSecretKey } from './sealing.ts';
import { upstreamUrls } from './upstream-url.ts';

export const ROLES = ['listener', 'dispatcher', 'poller', 'followers', 'http'] as const;
export type Role = (typeof ROLES)[number];

export type Setting<T = unknown> = {
  readonly schema: z.ZodType<T, string>;
  /** Written as a person would write it; null = none. */
  readonly default: string | null;
  readonly doc: string;
  /** Shown with every complaint. */
  readonly example: string;
  readonly secret?: true;
  /** A list of rules: YAML in the file, JSON in the environment. */
  readonly isRules?: true;
};

const text = z.string().min(1, 'must not be empty');
const port = z
  .string()
  .regex(/^\d{1,5}$/, 'is not a port number')
  .transform(Number)
  .refine(n => n <= 65535, 'is above 65535');
const off = z.literal('off').transform(() => null);
const portOrOff = z.union([off, port], 'is neither a port number nor off');
const count = z
  .string()
  .regex(/^[1-9]\d{0,6}$/, 'is not a positive whole number')
  .transform(Number);
const UNIT = { KB: 1_000, MB: 1_000_000, GB: 1_000_000_000 } as const;
/** Timers hold 24 days, dates a quarter of a million years: whoever says more than that has mistyped. */
const DAY_MS = 86_400_000;
const positive = (longestMs: number, longest: string) =>
  durationMs.refine(ms => ms > 0, 'must be more than nothing').refine(ms => ms <= longestMs, `is above ${longest}`);
const monthOrOff = z.union([off, positive(30 * DAY_MS, '30d')], 'is neither a duration nor off');
const bytes = z
  .string()
  .regex(/^\d{1,9}(KB|MB|GB)?$/, 'is not a size')
  .transform(value => Number.parseInt(value, 10) * (UNIT[value.slice(-2) as keyof typeof UNIT] ?? 1));
const network = z
  .string()
  .refine(
    value => isIP(value.split('/')[0]!) !== 0 && (!value.includes('/') || ipaddr.isValidCIDR(value)),
    'is no network, and no address',
  );
const domain = z
  .string()
  .regex(/^(?=.{1,190}$)([a-z\d]([a-z\d-]{0,61}[a-z\d])?\.)+[a-z\d]([a-z\d-]{0,61}[a-z\d])?$/i, 'is not a domain')
  .transform(value => value.toLowerCase());
const plainAddress = z
  .string()
  .regex(
    /^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([a-z\d-]{1,63}\.)*[a-z\d-]{1,63}$/i,
    'is not an address',
  )
  .max(254, 'is not an address');
const hostAndPort = z.string().regex(/^(\[[\da-f:.]+\]|[\d.]+):\d{1,5}$/i, 'is not ip:port');
const secretKey = z.string().transform((value, context): Buffer => {
  const key = parseSecretKey(value);
  if (key === null) context.addIssue('is not 32 bytes in base64 or hexadecimal');
  return key ?? Buffer.alloc(0);
});
const urlOf = (schemes: string[]) =>
  text.refine(
    value => {
      const url = URL.parse(value);
      return url !== null && schemes.includes(url.protocol.slice(0, -1));
    },
    `is not a URL of ${schemes.map(scheme => `${scheme}://`).join(' or ')}`,
  );
const listOf = <T>(item: z.ZodType<T, string>) =>
  z.string().transform((value, context) => {
    const items: T[] = [];
    for (const part of value
      .split(',')
      .map(entry => entry.trim())
      .filter(Boolean)) {
      const parsed = item.safeParse(part);
      if (parsed.success) items.push(parsed.data);
      else context.addIssue(`${JSON.stringify(part)} ${parsed.error.issues[0]?.message}`);
    }
    return items;
  });
const roles = listOf(z.enum(['all', ...ROLES], `is none of ${ROLES.join(', ')}, all`)).transform(
  list => new Set<Role>(list.flatMap(role => (role === 'all' ? [...ROLES] : [role]))),
);

export type BootstrapCredential = { readonly user: string; readonly password: string; readonly fromDomains: string[] };
const bootstrapCredential = z.string().transform((value, context): BootstrapCredential => {
  const [user, password, ...fromDomains] = value.split(':');
  if (!user || !password) context.addIssue('is not user:password[:from-domain…]');
  return { user: user ?? '', password: password ?? '', fromDomains: fromDomains.filter(Boolean) };
});

const setting = <T, D extends string | null>(
  schema: z.ZodType<T, string>,
  fallback: D,
  doc: string,
  example: string,
  options: { secret?: true; isRules?: true } = {},
) => ({ schema, default: fallback, doc, example, ...options });

export const SETTINGS = {
  POSTERN_DATA_DIR: setting(text, './data', 'Embedded database, generated keys and certificate.', '/var/lib/postern'),
  DATABASE_URL: setting(
    urlOf(['postgres', 'postgresql']),
    null,
    'PostgreSQL 15 or newer. Without it an embedded PostgreSQL runs in the data directory.',
    'postgres://postern:secret@db.internal:5432/postern',
    { secret: true },
  ),
  REDIS_URL: setting(
    urlOf(['redis', 'rediss']),
    null,
    'Redis for the queue. Without it the queue lives in PostgreSQL.',
    'redis://redis.internal:6379/0',
    { secret: true },
  ),
  POSTERN_SECRET_KEY: setting(
    secretKey,
    null,
    'Key that DKIM keys and passwords are encrypted under where they are stored: 32 bytes in base64 or hexadecimal, the ' +
      'same on each machine. Without it: the file secret-key in the data directory, made when it is needed.',
    // A literal one would be copied, and then it is no secret.
    '$(openssl rand -base64 32)',
    { secret: true },
  ),
  POSTERN_HOST: setting(text, '127.0.0.1', 'Address to listen on, for SMTP and HTTP.', '0.0.0.0'),
  POSTERN_HOSTNAME: setting(
    z.string().regex(/^[\w.:[\]-]{1,255}$/, 'is not the name of a host'),
    null,
    'Our name in greetings, EHLO and Received fields. Without it: the name of the machine.',
    'mail.example.com',
  ),
  POSTERN_SMTP_PORT: setting(portOrOff, '2525', 'Submission with STARTTLS, or `off`.', '587'),
  POSTERN_SMTPS_PORT: setting(portOrOff, 'off', 'Submission with implicit TLS, or `off`.', '465'),
  POSTERN_HTTP_PORT: setting(portOrOff, '8025', 'Health, metrics and API, or `off`.', '8025'),
  POSTERN_PROXY_NETWORKS: setting(
    listOf(network),
    null,
    'Networks or addresses of load balancers, comma-separated: connections from there begin with a PROXY header, version 1 or 2.',
    '10.1.0.0/16,2001:db8:1::/64',
  ),
  POSTERN_HTTP_PROXY_NETWORKS: setting(
    listOf(network),
    null,
    'Networks or addresses of HTTP proxies, comma-separated: what they say in X-Forwarded-For is believed.',
    '127.0.0.1,10.1.0.0/16',
  ),
  POSTERN_TLS_CERT: setting(
    text,
    null,
    'PEM file with the certificate chain. Without it a self-signed one is made at first start.',
    '/etc/postern/fullchain.pem',
  ),
  POSTERN_TLS_KEY: setting(text, null, 'PEM file with the key of POSTERN_TLS_CERT.', '/etc/postern/key.pem'),
  POSTERN_INSECURE_AUTH: setting(
    z.enum(['never', 'loopback', 'always'], 'is none of never, loopback, always'),
    'loopback',
    'Who may AUTH without TLS: `never`, `loopback` or `always`.',
    'never',
  ),
  POSTERN_MAX_MESSAGE_SIZE: setting(bytes, '25MB', 'Largest message taken, announced as SIZE.', '50MB'),
  POSTERN_MAX_RECIPIENTS: setting(count, '1000', 'Most recipients of one message.', '500'),
  POSTERN_MAX_SESSIONS_PER_IP: setting(
    count,
    '50',
    'Most sessions of one IPv4 address, or IPv6 /64, that have not logged in yet.',
    '20',
  ),
  POSTERN_MAX_CLIENT_SESSIONS_PER_IP: setting(
    count,
    '200',
    'Most sessions of one IPv4 address, or IPv6 /64, that have logged in, or are of a trusted network.',
    '500',
  ),
  POSTERN_UPSTREAMS: setting(
    upstreamUrls,
    null,
    'Upstreams in order of preference, comma-separated. Without any, mail is captured.',
    'smtp://user:pass@smtp.example.com:587?name=main&rate=14/s&connections=10&tls=required',
    { secret: true },
  ),
  POSTERN_ROUTES: setting(
    routeRules,
    '[]',
    'Which mail takes which upstreams, rule by rule; without a rule: all of them in their order. A list in postern.yaml, ' +
      'JSON in the environment.',
    '[{"name":"bulk","when":{"stream":"bulk"},"to":"mailgun*3 + ses, postmark"}]',
    { isRules: true },
  ),
  POSTERN_MODE: setting(
    z.enum(['live', 'capture'], 'is neither live nor capture'),
    null,
    'Default mode of credentials. Without it: `live` with upstreams, `capture` without.',
    'capture',
  ),
  POSTERN_RETRY: setting(
    retrySchedule,
    '1m,5m,15m,30m,1h*',
    'When to try again; the last step repeats until POSTERN_MAX_AGE.',
    '30s,2m,10m,1h*',
  ),
  POSTERN_MAX_AGE: setting(
    positive(365 * DAY_MS, '365d'),
    '48h',
    'How long a message is tried before it expires.',
    '5d',
  ),
  POSTERN_LIFETIMES: setting(
    lifetimeRules,
    '[]',
    'For which mail another schedule or age holds than POSTERN_RETRY and POSTERN_MAX_AGE, rule by rule. A list in ' +
      'postern.yaml, JSON in the environment.',
    '[{"name":"codes","when":{"tag":"otp"},"retry":"10s,30s,1m*","max-age":"10m"}]',
    { isRules: true },
  ),
  POSTERN_REPEAT_WINDOW: setting(
    monthOrOff,
    '1h',
    'How long a message is remembered: the same Message-ID and content to the same recipients go once. `off`: never.',
    '10m',
  ),
  POSTERN_UPSTREAM_TIMEOUT: setting(
    positive(DAY_MS, '1d'),
    '300s',
    'Longest wait for one reply of an upstream (RFC 5321 section 4.5.3.2); connecting takes a tenth of it at most.',
    '60s',
  ),
  POSTERN_EVENTS_SES_TOPICS: setting(
    listOf(topicArn),
    null,
    'SNS topics whose SES events are taken at /events/ses.',
    'arn:aws:sns:eu-west-1:123456789012:ses-events',
  ),
  POSTERN_EVENTS_POSTMARK: setting(
    basicAccounts,
    null,
    'Login that Postmark uses at /events/postmark, as user:password; `name=` in front makes it /events/postmark/name.',
    'postmark:b1946ac92492d2347c6235b4d2611184',
    { secret: true },
  ),
  POSTERN_EVENTS_MAILGUN: setting(
    signingKeyAccounts,
    null,
    'Webhook signing key of Mailgun, for /events/mailgun; `name=` in front makes it /events/mailgun/name.',
    '0123456789abcdef0123456789abcdef',
    { secret: true },
  ),
  POSTERN_EVENTS_SENDGRID: setting(
    publicKeyAccounts,
    null,
    'Verification key of SendGrid, for /events/sendgrid; `name=` in front makes it /events/sendgrid/name.',
    'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE…',
  ),
  POSTERN_RETURN_PATH_DOMAIN: setting(
    domain,
    null,
    'Mail leaves with a signed return path in this domain, b+TOKEN@domain, so that bounces come to us and prove themselves.',
    'bounces.example.com',
  ),
  POSTERN_BOUNCE_MAILBOXES: setting(
    mailboxUrls,
    null,
    'Mailboxes that bounces and complaints arrive in, comma-separated.',
    'imaps://bounces:pass@imap.example.com/INBOX?then=move&folder=Processed',
    { secret: true },
  ),
  POSTERN_BOUNCE_SMTP_PORT: setting(
    portOrOff,
    'off',
    'SMTP port that takes mail for POSTERN_RETURN_PATH_DOMAIN and nothing else, in place of a mailbox, or `off`.',
    '25',
  ),
  POSTERN_SUPPRESSIONS_PER_HOUR: setting(
    count,
    '1000',
    'Most addresses suppressed by bounces and complaints within an hour; beyond it they wait for a person.',
    '5000',
  ),
  POSTERN_DELAY_WARNING: setting(
    monthOrOff,
    '4h',
    'How long a message waits before it is said to be late, to senders that asked for it (NOTIFY=DELAY) too. `off`: never.',
    '1h',
  ),
  POSTERN_DSN_FROM: setting(
    plainAddress,
    null,
    'From field of the delivery status notifications that we make. Without it: MAILER-DAEMON at POSTERN_HOSTNAME.',
    'bounces@example.com',
  ),
  POSTERN_DNS_SERVERS: setting(
    listOf(hostAndPort),
    null,
    'Resolvers for the look-ups that we make. Without it: those of the system.',
    '127.0.0.1:5353,[::1]:53',
  ),
  POSTERN_ROLES: setting(
    roles,
    'all',
    'What this process does: listener, dispatcher, poller, followers, http, or all.',
    'listener,http',
  ),
  POSTERN_ADMIN_PASSWORD: setting(
    text,
    null,
    'Password of the login `admin`, made at start if absent.',
    'correct-horse',
    {
      secret: true,
    },
  ),
  POSTERN_BOOTSTRAP_CREDENTIAL: setting(
    bootstrapCredential,
    null,
    'Credential made at start if absent: user:password[:from-domain…].',
    'app:s3cret-password:example.com',
    { secret: true },
  ),
  POSTERN_LOG_LEVEL: setting(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'is no log level'),
    'info',
    'Lowest level that is logged.',
    'debug',
  ),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
type Value<S> = S extends { schema: z.ZodType<infer T, string>; default: infer D }
  ? D extends null
    ? T | null
    : T
  : never;
export type Settings = { readonly [Name in SettingName]: Value<(typeof SETTINGS)[Name]> };

/** Of credentials that have none of their own. */
export function defaultMode(settings: Settings): 'live' | 'capture' {
  return settings.POSTERN_MODE ?? (settings.POSTERN_UPSTREAMS ? 'live' : 'capture');
}
