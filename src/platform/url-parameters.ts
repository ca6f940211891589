// The parameters of one upstream's URL, read one by one: what is wrong is kept, the first thing of it, so that whoever
// reads them can go on as if it were right and ask once, at the end.
import { isIP } from 'node:net';
import { nearestWord } from './nearest-word.ts';

/** A SOCKS5 proxy (RFC 1928), with a login where it wants one (RFC 1929). */
export type SocksProxy = {
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: string | null;
};

/** The most messages on each day (UTC) from one on; after the last there is no limit. */
export type WarmupSchedule = {
  /** `2026-12-01` */
  readonly startsOn: string;
  readonly limits: readonly number[];
};

const RATE_SECONDS = { s: 1, m: 60, h: 3600 } as const;

export class UrlParameters {
  /** What is wrong, to be read behind the URL. */
  problem: string | null = null;
  readonly #values: URLSearchParams;

  constructor(values: URLSearchParams, known: readonly string[]) {
    this.#values = values;
    const keys = [...values.keys()];
    const unknown = keys.find(key => !known.includes(key));
    // The rest of a password, which is not to be repeated.
    if (unknown?.includes('@')) this.wrong('has a ? in user or password that is not written as %3F');
    else if (unknown !== undefined) this.wrong(`has an unknown parameter ${unknown} (${suggestion(unknown, known)})`);
    const twice = keys.find((key, i) => keys.indexOf(key) !== i);
    if (twice !== undefined) this.wrong(`has ${twice} twice`);
  }

  wrong(problem: string): void {
    this.problem ??= problem;
  }

  text(name: string): string | null {
    return this.#values.get(name);
  }

  choice<const T extends string>(name: string, choices: readonly T[], otherwise: T): T {
    const value = this.#values.get(name);
    if (value === null) return otherwise;
    const choice = choices.find(known => known === value);
    if (choice === undefined) this.wrong(`has ${name}=${value}, which is not one of: ${choices.join(', ')}`);
    return choice ?? otherwise;
  }

  whole(name: string, otherwise: number, max: number): number {
    const value = Number(this.#values.get(name) ?? otherwise);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    this.wrong(`has ${name} outside 1-${max}`);
    return otherwise;
  }

  name(otherwise: string): string {
    const value = this.#values.get('name') ?? otherwise;
    if (!/^[\w.-]{1,64}$/.test(value)) {
      this.wrong(
        this.#values.has('name')
          ? 'has a name that is not of letters, digits, dots and hyphens'
          : `needs a name of letters, digits, dots and hyphens, as ${value} is none (example: name=main)`,
      );
    }
    return value;
  }

  /** A second; null = as fast as it goes. */
  rate(): number | null {
    const value = this.#values.get('rate');
    if (value === null) return null;
    const match = /^(\d{1,6}(?:\.\d{1,3})?)\/(s|m|h)$/.exec(value);
    if (match && Number(match[1]) > 0) return Number(match[1]) / RATE_SECONDS[match[2] as keyof typeof RATE_SECONDS];
    this.wrong('has a rate that is not like 14/s, 100/m or 5000/h');
    return null;
  }

  warmup(): WarmupSchedule | null {
    const value = this.#values.get('warmup');
    if (value === null) return null;
    const match = /^(\d{4}-\d\d-\d\d)((?::[1-9]\d{0,7}){1,366})$/.exec(value);
    // A day that is none becomes another one, or none.
    const date = match && new Date(`${match[1]}T00:00:00Z`);
    if (match && Number.isFinite(date!.getTime()) && date!.toISOString().startsWith(match[1]!)) {
      return { startsOn: match[1]!, limits: match[2]!.slice(1).split(':').map(Number) };
    }
    this.wrong('has a warmup that is not like 2026-12-01:50:100:200:400, the first day and the most messages on each');
    return null;
  }

  hostName(name: string): string | null {
    const value = this.#values.get(name);
    if (value !== null && !/^[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?$/i.test(value)) {
      this.wrong(`has ${name}=${value}, which is no host name`);
    }
    return value;
  }

  ipAddress(name: string): string | null {
    const value = this.#values.get(name);
    if (value !== null && !isIP(value)) this.wrong(`has ${name}=${value}, which is no IP address`);
    return value;
  }

  /** Never repeats the value: it may have a password in it. */
  proxy(): SocksProxy | null {
    const value = this.#values.get('proxy');
    if (value === null) return null;
    const url = URL.parse(value);
    const [user, password] = [decoded(url?.username ?? ''), decoded(url?.password ?? '')];
    if (url?.protocol !== 'socks5:' || !url.hostname || user === null || password === null) {
      this.wrong('has a proxy that is not like socks5://user:password@host:1080');
      return null;
    }
    // RFC 1929 section 2 has one octet for each length.
    if (Buffer.byteLength(user) > 255 || Buffer.byteLength(password) > 255) this.wrong('has too long a proxy login');
    const host = url.hostname.replace(/^\[|\]$/g, '');
    return { host, port: Number(url.port || 1080), user: user || null, password: password || null };
  }
}

function suggestion(unknown: string, known: readonly string[]): string {
  const nearest = nearestWord(unknown, known);
  return nearest === null ? `there are ${known.join(', ')}` : `did you mean ${nearest}? There are ${known.join(', ')}`;
}

/** null when a % does not begin an escape. */
export function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** For complaints. An @ or a comma that is not encoded makes more of it look like something else. */
export function withoutPassword(text: string): string {
  const shown = text.replace(/^([a-z]+:\/\/)?.*@/i, '$1…@').replace(/proxy=[^&]*/, 'proxy=…');
  return URL.canParse(text) ? shown : shown.replace(/^([a-z]+:\/\/[^:@]*:).*/i, '$1…');
}
