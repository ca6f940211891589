// What POSTERN_UPSTREAMS lists: `smtp://user:pass@host:port?name=ses&rate=14/s&tls=required`, `mx://`, `file:///dir`,
// `null://`. docs/upstreams.md shows every kind with all of its parameters.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { decoded, type SocksProxy, UrlParameters, type WarmupSchedule, withoutPassword } from './url-parameters.ts';

export type UpstreamTls = 'none' | 'opportunistic' | 'required' | 'verify' | 'implicit';

/** What all kinds have. */
type Common = {
  readonly name: string;
  /** Most messages under way at the same time. */
  readonly connections: number;
  /** Messages a second; null = as fast as it takes them. */
  readonly ratePerSecond: number | null;
  /** How many messages a day at first; null = any number. */
  readonly warmup: WarmupSchedule | null;
  /** Whether it gets the client's reverse-path, because it insists on one that it knows. */
  readonly ownReturnPath: boolean;
};

/** How whoever connects does so. */
type Dialing = {
  /** PEM file of those who may vouch for certificates, instead of those that the system trusts. */
  readonly caFile: string | null;
  readonly sourceAddress: string | null;
  readonly proxy: SocksProxy | null;
  /** What we call ourselves in EHLO; null = POSTERN_HOSTNAME. */
  readonly clientName: string | null;
};

export type SmartHostSettings = Common &
  Dialing & {
    readonly kind: 'smtp';
    readonly host: string;
    readonly port: number;
    readonly user: string | null;
    readonly password: string | null;
    /** any = PLAIN, or LOGIN where PLAIN is not offered. */
    readonly auth: 'any' | 'plain' | 'login' | 'xoauth2';
    /** Has the access token of xoauth2. */
    readonly tokenFile: string | null;
    /** required = encrypted, certificate not judged; verify = judged too; implicit = `smtps://`, judged unless tls=required. */
    readonly tls: UpstreamTls;
    readonly verifyCertificate: boolean;
    /** Whose certificate it must be; null = that of `host`. */
    readonly serverName: string | null;
  };

export type DirectMxSettings = Common &
  Dialing & {
    readonly kind: 'mx';
    readonly port: number;
    readonly tls: Exclude<UpstreamTls, 'implicit'>;
    /** `connections` is that of all domains together. */
    readonly connectionsPerDomain: number;
    readonly mtaSts: boolean;
    /** auto = where all resolvers are on this machine; trust-ad = whatever resolver says that it has validated. */
    readonly dane: 'auto' | 'trust-ad' | 'off';
    /** Whether hosts at addresses of private networks are connected to. */
    readonly allowsPrivate: boolean;
  };

export type FileSettings = Common & { readonly kind: 'file'; readonly directory: string };
export type NullSettings = Common & { readonly kind: 'null' };

export type UpstreamSettings = SmartHostSettings | DirectMxSettings | FileSettings | NullSettings;

const DEFAULT_CONNECTIONS = 10;
/** More sessions to one provider than these make some answer 421 (Yahoo: 5 an address and 20 messages each). */
const DEFAULT_CONNECTIONS_PER_DOMAIN = 5;
const DEFAULT_CONNECTIONS_TOTAL = 100;
const STARTTLS_MODES = ['none', 'opportunistic', 'required', 'verify'] as const;
const ENCODED = 'in user and password, @ is written %40, : %3A, / %2F, ? %3F, # %23, , %2C and % %25';
const COMMON = ['name', 'rate', 'warmup', 'returnPath'];
const DIALING = ['ca', 'source', 'proxy', 'ehlo', 'tls', 'connections'];

export const upstreamUrls = z.string().transform((value, context) => {
  const upstreams: UpstreamSettings[] = [];
  for (const entry of value
    .split(',')
    .map(part => part.trim())
    .filter(Boolean)) {
    const parsed = parseUpstreamUrl(entry);
    const isTwice = typeof parsed !== 'string' && upstreams.some(other => other.name === parsed.name);
    if (typeof parsed === 'string') context.addIssue(issueOf(entry, `${withoutPassword(entry)} ${parsed}`));
    else if (isTwice) context.addIssue(issueOf(entry, `name ${parsed.name} stands twice: name=… tells them apart`));
    else upstreams.push(parsed);
  }
  if (value.replaceAll(',', '').trim() === '') context.addIssue('names no upstream');
  return upstreams;
});

/** The whole example helps those who have no URL yet; others need to know about a part of theirs. */
function issueOf(entry: string, message: string) {
  return URL.canParse(entry) ? { code: 'custom' as const, message, params: { page: 'docs/upstreams.md' } } : message;
}

/** The settings behind one URL, or what is wrong with it. */
export function parseUpstreamUrl(text: string): UpstreamSettings | string {
  const url = URL.parse(text);
  if (url?.hash || text.endsWith('#')) return 'has a # that is not written as %23';
  switch (url?.protocol) {
    case 'smtp:':
    case 'smtps:':
      return parseSmartHost(url);
    case 'mx:':
      return parseDirectMx(url);
    case 'file:':
      return parseFile(url);
    case 'null:':
      return parseNull(url);
    case undefined:
      return text.includes('@') ? `is not a URL; ${ENCODED}` : 'is not a URL';
    default:
      return 'does not begin with smtp:// or smtps://, mx://, file:// or null://';
  }
}

export function smartHosts(upstreams: readonly UpstreamSettings[]): SmartHostSettings[] {
  return upstreams.filter(upstream => upstream.kind === 'smtp');
}

/** Hosts that mail leaves from, for SPF: our own where it goes out directly. */
export function sendingHosts(
  upstreams: readonly UpstreamSettings[],
  hostname: string,
): { name: string; host: string }[] {
  return upstreams.flatMap(upstream => {
    if (upstream.kind === 'smtp') return [{ name: upstream.name, host: upstream.host }];
    return upstream.kind === 'mx' ? [{ name: upstream.name, host: hostname }] : [];
  });
}

/** Where an upstream is, for people. */
export function describePlace(upstream: UpstreamSettings): string {
  switch (upstream.kind) {
    case 'smtp':
      return `${upstream.host}:${upstream.port}`;
    case 'mx':
      return `MX of each domain, port ${upstream.port}`;
    case 'file':
      return upstream.directory;
    case 'null':
      return 'nowhere';
  }
}

function parseSmartHost(url: URL): SmartHostSettings | string {
  if (!url.hostname) return 'is not a URL';
  const implicit = url.protocol === 'smtps:';
  const given = new UrlParameters(url.searchParams, [...COMMON, ...DIALING, 'auth', 'token-file', 'servername']);
  const tls = given.choice('tls', STARTTLS_MODES, implicit ? 'verify' : 'opportunistic');
  const auth = given.choice('auth', ['any', 'plain', 'login', 'xoauth2'], 'any');
  const tokenFile = given.text('token-file');
  const [user, password] = [decoded(url.username), decoded(url.password)];
  if (user === null || password === null) given.wrong('has a % in user or password that is not written as %25');
  if (implicit && tls === 'none') given.wrong('has tls=none, which smtps:// contradicts');
  if (url.pathname !== '' && url.pathname !== '/') {
    given.wrong('has a path, and only file:// has one; a / in user or password is written %2F');
  }
  if (auth === 'xoauth2' && !tokenFile)
    given.wrong('has auth=xoauth2, which needs token-file=/path/of/an/access/token');
  if (auth !== 'xoauth2' && tokenFile !== null) given.wrong('has token-file, which only auth=xoauth2 reads');
  if (auth !== 'any' && !user) given.wrong(`has auth=${auth}, but no user`);
  const wrongLogin = auth === 'xoauth2' ? objectToToken(password) : objectToLogin(user, password);
  if (wrongLogin !== null) given.wrong(wrongLogin);
  const settings: SmartHostSettings = {
    ...{ kind: 'smtp', name: given.name(url.hostname), host: url.hostname.replace(/^\[|\]$/g, '') },
    port: Number(url.port || (implicit ? 465 : 25)),
    ...{ user: user || null, password: password || null, auth, tokenFile },
    ...{ tls: implicit ? 'implicit' : tls, verifyCertificate: tls === 'verify' },
    serverName: given.hostName('servername'),
    ...readDialing(given),
    connections: given.whole('connections', DEFAULT_CONNECTIONS, 1000),
    ...readCommon(given),
  };
  return given.problem ?? settings;
}

function objectToLogin(user: string | null, password: string | null): string | null {
  if (user && !password) return 'has a user and no password: user:password@host, or auth=xoauth2 with a token-file';
  return password && !user ? 'has a password and no user: user:password@host' : null;
}

function objectToToken(password: string | null): string | null {
  return password ? 'has a password, and auth=xoauth2 sends what is in token-file instead' : null;
}

function parseDirectMx(url: URL): DirectMxSettings | string {
  const special = ['port', 'total', 'mta-sts', 'dane', 'private'];
  const given = new UrlParameters(url.searchParams, [...COMMON, ...DIALING, ...special]);
  if (url.host || (url.pathname !== '' && url.pathname !== '/')) given.wrong('names a host; mx:// asks the DNS for it');
  const tls = given.choice('tls', STARTTLS_MODES, 'opportunistic');
  const settings: DirectMxSettings = {
    ...{ kind: 'mx', name: given.name('mx'), tls },
    port: given.whole('port', 25, 65_535),
    ...readDialing(given),
    connectionsPerDomain: given.whole('connections', DEFAULT_CONNECTIONS_PER_DOMAIN, 1000),
    connections: given.whole('total', DEFAULT_CONNECTIONS_TOTAL, 10_000),
    ...readCommon(given),
    mtaSts: given.choice('mta-sts', ['on', 'off'], 'on') === 'on' && tls !== 'none',
    dane: tls === 'none' ? 'off' : given.choice('dane', ['auto', 'trust-ad', 'off'], 'auto'),
    allowsPrivate: given.choice('private', ['refuse', 'allow'], 'refuse') === 'allow',
  };
  return given.problem ?? settings;
}

function readDialing(given: UrlParameters): Dialing {
  return {
    caFile: given.text('ca'),
    sourceAddress: given.ipAddress('source'),
    proxy: given.proxy(),
    clientName: given.hostName('ehlo'),
  };
}

function parseFile(url: URL): FileSettings | string {
  const given = new UrlParameters(url.searchParams, COMMON);
  if (url.host) given.wrong('names a host; a directory of this machine has three slashes: file:///var/mail/archive');
  if (url.pathname === '/' || decoded(url.pathname) === null || /%2f|%00/i.test(url.pathname)) {
    given.wrong('names no directory');
  }
  if (given.problem) return given.problem;
  const directory = fileURLToPath(`file://${url.pathname}`).replace(/\/$/, '');
  const settings: FileSettings = { kind: 'file', directory, ...readLocal(given, 'file') };
  return given.problem ?? settings;
}

function parseNull(url: URL): NullSettings | string {
  const given = new UrlParameters(url.searchParams, COMMON);
  if (url.host || url.pathname) given.wrong('names something; null:// has only parameters');
  const settings: NullSettings = { kind: 'null', ...readLocal(given, 'null') };
  return given.problem ?? settings;
}

function readLocal(given: UrlParameters, name: string): Common {
  return { name: given.name(name), connections: DEFAULT_CONNECTIONS, ...readCommon(given) };
}

function readCommon(given: UrlParameters): Pick<Common, 'ratePerSecond' | 'warmup' | 'ownReturnPath'> {
  return {
    ratePerSecond: given.rate(),
    warmup: given.warmup(),
    ownReturnPath: given.choice('returnPath', ['own', 'ours'], 'ours') === 'own',
  };
}
