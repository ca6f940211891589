// `smtp://user:pass@host:port?name=ses&rate=14/s&connections=10&tls=required`, as POSTERN_UPSTREAMS lists them.
import { z } from 'zod';

export type UpstreamTls = 'none' | 'opportunistic' | 'required' | 'verify' | 'implicit';

export type UpstreamSettings = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: string | null;
  /** required = encrypted, certificate not judged; verify = judged too; implicit = `smtps://`, judged unless tls=required. */
  readonly tls: UpstreamTls;
  readonly verifyCertificate: boolean;
  readonly connections: number;
  /** Messages a second; null = as fast as it takes them. */
  readonly ratePerSecond: number | null;
  /** Whether it gets the client's reverse-path, because it insists on one that it knows. */
  readonly ownReturnPath: boolean;
};

const DEFAULT_CONNECTIONS = 10;
const TLS_MODES = ['none', 'opportunistic', 'required', 'verify'] as const;
const RATE_SECONDS = { s: 1, m: 60, h: 3600 } as const;
const PARAMETERS = ['name', 'rate', 'connections', 'tls', 'returnPath'];

export const upstreamUrls = z.string().transform((value, context) => {
  const upstreams: UpstreamSettings[] = [];
  for (const entry of value
    .split(',')
    .map(part => part.trim())
    .filter(Boolean)) {
    const parsed = parseUpstreamUrl(entry);
    if (typeof parsed === 'string') context.addIssue(`${withoutPassword(entry)} ${parsed}`);
    else if (upstreams.some(other => other.name === parsed.name)) context.addIssue(`name ${parsed.name} stands twice`);
    else upstreams.push(parsed);
  }
  if (value.replaceAll(',', '').trim() === '') context.addIssue('names no upstream');
  return upstreams;
});

/** The settings behind one URL, or what is wrong with it. */
export function parseUpstreamUrl(text: string): UpstreamSettings | string {
  const url = URL.parse(text);
  if (!url?.hostname) return 'is not a URL';
  if (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') return 'does not begin with smtp:// or smtps://';
  const unknown = [...url.searchParams.keys()].find(key => !PARAMETERS.includes(key));
  if (unknown) return `has an unknown parameter ${unknown}`;
  const implicit = url.protocol === 'smtps:';
  const tls = url.searchParams.get('tls') ?? (implicit ? 'verify' : 'opportunistic');
  if (!isTlsMode(tls)) return `has tls=${tls}, which is none of ${TLS_MODES.join(', ')}`;
  const connections = Number(url.searchParams.get('connections') ?? DEFAULT_CONNECTIONS);
  if (!Number.isInteger(connections) || connections < 1 || connections > 1000) return 'has connections outside 1-1000';
  const ratePerSecond = parseRate(url.searchParams.get('rate'));
  if (ratePerSecond === undefined) return 'has a rate that is not like 14/s, 100/m or 5000/h';
  const returnPath = url.searchParams.get('returnPath');
  if (returnPath !== null && returnPath !== 'own') return `has returnPath=${returnPath}, which can only be own`;
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (user === null || password === null) return 'has a % in user or password that is not written as %25';
  const name = url.searchParams.get('name') ?? url.hostname;
  if (!/^[\w.-]{1,64}$/.test(name)) return 'has a name that is not of letters, digits, dots and hyphens';
  return {
    name,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (implicit ? 465 : 25)),
    user: user || null,
    password: password || null,
    tls: implicit ? 'implicit' : tls,
    verifyCertificate: tls === 'verify',
    connections,
    ratePerSecond,
    ownReturnPath: returnPath === 'own',
  };
}

/** null when a % does not begin an escape. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function isTlsMode(value: string): value is (typeof TLS_MODES)[number] {
  return (TLS_MODES as readonly string[]).includes(value);
}

function parseRate(value: string | null): number | null | undefined {
  if (value === null) return null;
  const match = /^(\d{1,6}(?:\.\d{1,3})?)\/(s|m|h)$/.exec(value);
  if (!match || Number(match[1]) === 0) return undefined;
  return Number(match[1]) / RATE_SECONDS[match[2] as keyof typeof RATE_SECONDS];
}

function withoutPassword(text: string): string {
  return text.replace(/:\/\/[^@]*@/, '://…@');
}
