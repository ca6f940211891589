// `imaps://user:pass@host:port/INBOX?then=move&folder=Processed`, as POSTERN_BOUNCE_MAILBOXES lists them.
import { z } from 'zod';
import { parseDuration } from './duration.ts';
import { decoded, withoutPassword } from './url-parameters.ts';

export type MailboxSettings = {
  /** `user@host/INBOX`: in logs, in the database and for people. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly login:
    | { readonly kind: 'password'; readonly password: string }
    /** The file is read at each login: somebody else keeps the token in it fresh. */
    | { readonly kind: 'xoauth2'; readonly tokenFile: string };
  readonly folder: string;
  /** implicit = TLS from the first byte; none = in clear. */
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly verifyCertificate: boolean;
  /** What becomes of mail that was recorded. */
  readonly filing: Filing;
  /** Looked at that often at least, should the server not tell of new mail. */
  readonly everyMs: number;
};

export type Filing =
  | { readonly kind: 'move'; readonly folder: string }
  /** Marked as read, and with the keyword $PosternProcessed where the server takes keywords. */
  | { readonly kind: 'flag' }
  | { readonly kind: 'delete' };

const PARAMETERS = ['tls', 'auth', 'tokenFile', 'then', 'folder', 'every', 'name'];
const TLS_MODES = ['verify', 'required', 'none'];
const FILINGS = ['move', 'flag', 'delete'];
const SHORTEST_MS = 1_000;
const LONGEST_MS = 3_600_000;

export const mailboxUrls = z.string().transform((value, context) => {
  const mailboxes: MailboxSettings[] = [];
  for (const entry of value
    .split(',')
    .map(part => part.trim())
    .filter(Boolean)) {
    const parsed = parseMailboxUrl(entry);
    if (typeof parsed === 'string') context.addIssue(`${withoutPassword(entry)} ${parsed}`);
    else if (mailboxes.some(other => other.name === parsed.name)) context.addIssue(`${parsed.name} stands twice`);
    else mailboxes.push(parsed);
  }
  if (value.replaceAll(',', '').trim() === '') context.addIssue('names no mailbox');
  return mailboxes;
});

/** The settings behind one URL, or what is wrong with it. */
export function parseMailboxUrl(text: string): MailboxSettings | string {
  const url = URL.parse(text);
  if (!url?.hostname) return 'is not a URL';
  if (url.hash || text.endsWith('#')) return 'has a # that is not written as %23';
  if (url.protocol !== 'imap:' && url.protocol !== 'imaps:') return 'does not begin with imap:// or imaps://';
  const unknown = [...url.searchParams.keys()].find(key => !PARAMETERS.includes(key));
  if (unknown) return `has an unknown parameter ${unknown}`;
  const parameter = (name: string, fallback: string) => url.searchParams.get(name) ?? fallback;
  const tls = parameter('tls', 'verify');
  if (!TLS_MODES.includes(tls)) return `has tls=${tls}, which is none of ${TLS_MODES.join(', ')}`;
  if (tls === 'none' && url.protocol === 'imaps:') return 'has tls=none, and imaps:// is TLS';
  const then = parameter('then', 'move');
  if (!FILINGS.includes(then)) return `has then=${then}, which is none of ${FILINGS.join(', ')}`;
  const everyMs = parseDuration(parameter('every', '1m'));
  if (everyMs === null || everyMs < SHORTEST_MS || everyMs > LONGEST_MS) return 'has an every outside 1s-1h';
  const [user, password, folder] = [url.username, url.password, url.pathname.slice(1)].map(decoded);
  if (user == null || password == null || folder == null) return 'has a % that is not written as %25';
  if (user === '') return 'names no user';
  const login = loginOf(parameter('auth', 'password'), password, url.searchParams.get('tokenFile'));
  if (typeof login === 'string') return login;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const mailbox = folder || 'INBOX';
  return {
    name: parameter('name', `${user}@${host}/${mailbox}`),
    host,
    port: Number(url.port || (url.protocol === 'imaps:' ? 993 : 143)),
    user,
    login,
    folder: mailbox,
    tls: url.protocol === 'imaps:' ? 'implicit' : tls === 'none' ? 'none' : 'starttls',
    verifyCertificate: tls === 'verify',
    filing: then === 'move' ? { kind: 'move', folder: parameter('folder', 'Processed') } : { kind: then as 'flag' },
    everyMs,
  };
}

function loginOf(auth: string, password: string, tokenFile: string | null): MailboxSettings['login'] | string {
  if (auth === 'password') return password ? { kind: 'password', password } : 'has no password';
  if (auth !== 'xoauth2') return `has auth=${auth}, which is neither password nor xoauth2`;
  return tokenFile ? { kind: 'xoauth2', tokenFile } : 'has auth=xoauth2 without tokenFile=/path/of/an/access/token';
}
