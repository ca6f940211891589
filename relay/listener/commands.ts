// MAIL and RCPT as RFC 5321 section 4.1.2 has them, with the parameters of RFC 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8)
// and 3461 (DSN). Strict: what is not in the grammar is refused with its own words, nothing is repaired.
import { type Address, isDomain, type MailboxProblem, parseMailbox } from '../../src/mail/address.ts';
import type { Envelope, Notify, Recipient } from '../../src/mail/envelope.ts';
import { type Reply, reply } from '../../src/mail/reply.ts';

export type MailCommand = Omit<Envelope, 'recipients'> & {
  /** SIZE=, or null when the client did not say. */
  readonly declaredSize: number | null;
};

export type Refused = { readonly refused: Reply };

type Parameters = ReadonlyMap<string, string | null>;

/** `line` is the command without its CRLF, decoded as UTF-8. */
export function parseMail(line: string): MailCommand | Refused {
  const parts = splitCommand(line, 'MAIL FROM:');
  if (!parts) return syntax('5.5.4', 'Syntax: MAIL FROM:<address>');
  const unknown = refuseParameters(parts.parameters, ['SIZE', 'BODY', 'SMTPUTF8', 'RET', 'ENVID', 'AUTH']);
  if (unknown) return unknown;
  const { parameters } = parts;
  const smtpUtf8 = parameters.has('SMTPUTF8');
  const reversePath = parts.path === '' ? null : parseMailbox(parts.path, { smtpUtf8 });
  if (isProblem(reversePath)) return badAddress(reversePath.problem, '5.1.7', 'sender');
  const size = parameters.get('SIZE') ?? null;
  const body = parameters.has('BODY') ? parameters.get('BODY')?.toUpperCase() : '7BIT';
  const ret = parameters.get('RET')?.toUpperCase() ?? null;
  const envid = parameters.get('ENVID') ?? null;
  if (parameters.has('SMTPUTF8') && parameters.get('SMTPUTF8') !== null) return badParameter('SMTPUTF8');
  if (parameters.has('SIZE') && !/^\d{1,20}$/.test(size ?? '')) return badParameter('SIZE');
  if (body !== '7BIT' && body !== '8BITMIME') return badParameter('BODY');
  if (parameters.has('RET') && ret !== 'FULL' && ret !== 'HDRS') return badParameter('RET');
  if (parameters.has('ENVID') && !isXtext(envid, 100)) return badParameter('ENVID');
  if (parameters.has('AUTH') && !isAuthorship(parameters.get('AUTH') ?? null)) return badParameter('AUTH');
  return {
    reversePath,
    smtpUtf8,
    body,
    ret: ret as 'FULL' | 'HDRS' | null,
    envid,
    declaredSize: size === null ? null : Number(size),
  };
}

export type RcptOptions = { readonly smtpUtf8: boolean; readonly hostname: string };

export function parseRcpt(line: string, options: RcptOptions): Recipient | Refused {
  const parts = splitCommand(line, 'RCPT TO:');
  if (!parts) return syntax('5.5.4', 'Syntax: RCPT TO:<address>');
  const unknown = refuseParameters(parts.parameters, ['NOTIFY', 'ORCPT']);
  if (unknown) return unknown;
  // RFC 5321 section 4.5.1: every host has a postmaster, in any case, whom one need not know the domain of.
  const isPostmaster = parts.path.toLowerCase() === 'postmaster';
  const address = parseMailbox(isPostmaster ? `postmaster@${options.hostname}` : parts.path, options);
  if (isProblem(address)) return badAddress(address.problem, '5.1.3', 'recipient');
  if (isRoutedLocalPart(parts.path)) return { refused: reply(553, '5.1.3', 'No % or ! routes in recipient address') };
  const { parameters } = parts;
  const notify = parameters.has('NOTIFY') ? parseNotify(parameters.get('NOTIFY') ?? '') : null;
  const orcpt = parameters.get('ORCPT') ?? null;
  if (notify === 'invalid') return badParameter('NOTIFY');
  if (parameters.has('ORCPT') && !isOriginalRecipient(orcpt)) return badParameter('ORCPT');
  return { address, notify, orcpt };
}

/** EHLO's and HELO's argument: a domain or an address literal. Real clients send bare machine names with underscores. */
export function parseHello(argument: string): string | null {
  if (argument.length === 0 || argument.length > 255) return null;
  return isDomain(argument.replaceAll('_', '-')) || /^\[[\w.:]+\]$/.test(argument) || /^[\w.:-]+$/.test(argument)
    ? argument
    : null;
}

function splitCommand(line: string, verb: string): { path: string; parameters: Parameters } | null {
  if (line.slice(0, verb.length).toUpperCase() !== verb) return null;
  // A space before the path is not in the grammar, and sent by half the world's scripts.
  const rest = line.slice(verb.length).trimStart();
  const end = endOfPath(rest);
  if (end < 0) return null;
  const parameters = new Map<string, string | null>();
  const tail = rest.slice(end + 1);
  if (tail !== '' && !tail.startsWith(' ')) return null;
  for (const parameter of tail.split(' ').filter(Boolean)) {
    const equals = parameter.indexOf('=');
    const keyword = (equals < 0 ? parameter : parameter.slice(0, equals)).toUpperCase();
    if (parameters.has(keyword)) return null;
    parameters.set(keyword, equals < 0 ? null : parameter.slice(equals + 1));
  }
  return { path: rest.slice(1, end), parameters };
}

/** Hosts that honour `user%other` and `other!user` would relay for whoever knows them; quoted, it is just a name. */
function isRoutedLocalPart(path: string): boolean {
  return !path.startsWith('"') && /[%!]/.test(path.slice(0, path.lastIndexOf('@')));
}

/** Index of the `>` that ends the path: the first one outside of a quoted string. */
function endOfPath(text: string): number {
  if (text[0] !== '<') return -1;
  let quoted = false;
  for (let i = 1; i < text.length; i += 1) {
    if (quoted && text[i] === '\\') i += 1;
    else if (text[i] === '"') quoted = !quoted;
    else if (!quoted && text[i] === '>') return i;
  }
  return -1;
}

function refuseParameters(parameters: Parameters, known: readonly string[]): Refused | null {
  for (const [keyword] of parameters) {
    if (!known.includes(keyword)) return { refused: reply(555, '5.5.4', `Unknown parameter ${printable(keyword)}`) };
  }
  return null;
}

/** RFC 3461 section 4.1: NEVER stands alone. */
function parseNotify(value: string): readonly Notify[] | 'invalid' {
  const parts = value.toUpperCase().split(',');
  const known = ['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'];
  if (!parts.every(part => known.includes(part)) || new Set(parts).size !== parts.length) return 'invalid';
  return parts.includes('NEVER') && parts.length > 1 ? 'invalid' : (parts as Notify[]);
}

/** `rfc822;xtext`, at most 500 characters (RFC 3461 section 4.2). */
function isOriginalRecipient(value: string | null): boolean {
  const semicolon = value?.indexOf(';') ?? -1;
  return semicolon > 0 && /^[\w-]+$/.test(value!.slice(0, semicolon)) && isXtext(value!.slice(semicolon + 1), 500);
}

/** RFC 4954 section 5: a mailbox as xtext, or `<>`. Read and not believed: who submits is who logged in. */
function isAuthorship(value: string | null): boolean {
  return value === '<>' || isXtext(value, 500);
}

/** RFC 3461 section 4: printable ASCII without `+` and `=`, or `+XX`; what it stands for is printable too. */
function isXtext(value: string | null, maxLength: number): value is string {
  if (value === null || value === '' || value.length > maxLength) return false;
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(value)) return false;
  return !/\+(?:[01][0-9A-F]|7F)/.test(value);
}

function isProblem(value: Address | null | { problem: string }): value is { problem: MailboxProblem } {
  return value !== null && typeof value === 'object';
}

function badAddress(problem: string, enhanced: string, whose: string): Refused {
  if (problem === 'needs-smtputf8') return { refused: reply(553, '5.6.7', `${whose} address needs SMTPUTF8`) };
  const words = problem === 'syntax' ? 'Bad syntax' : problem.replaceAll('-', ' ');
  return { refused: reply(501, enhanced, `${words} in ${whose} address`) };
}

function badParameter(keyword: string): Refused {
  return syntax('5.5.4', `Bad value of ${keyword}`);
}

function syntax(enhanced: string, text: string): Refused {
  return { refused: reply(501, enhanced, text) };
}

function printable(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '?').slice(0, 40);
}
