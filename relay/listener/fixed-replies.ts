// Replies that are the same for everybody, and the enhanced codes of those that smtp-server words itself.
import { type Reply, reply } from '../../src/mail/reply.ts';

/** RFC 2034: ours bring their own; a greeting, EHLO and 3xx have none. */
export const ENHANCED: Readonly<Record<number, string>> = {
  214: '2.0.0',
  221: '2.0.0',
  235: '2.7.0',
  250: '2.0.0',
  252: '2.5.0',
  421: '4.3.2',
  451: '4.3.0',
  454: '4.7.0',
  500: '5.5.2',
  501: '5.5.4',
  502: '5.5.1',
  503: '5.5.1',
  504: '5.5.4',
  530: '5.7.0',
  535: '5.7.8',
  538: '5.7.11',
  554: '5.5.0',
};

export const NOBODY = reply(530, '5.7.0', 'Authentication required');
/** Ends the session: as a client of ours it is none any more. */
export const NOT_VALID: Reply = reply(421, '4.7.0', 'Credential was changed or removed, log in again');
export const NOT_BASE64 = reply(501, '5.5.2', 'That is not base64');
const NOT_IMPLEMENTED = reply(502, '5.5.1', 'Command not implemented');

/** The reply to a command that needs no look at the session, or null. `command` is the whole line. */
export function fixedReply(command: string): Reply | null {
  const space = command.indexOf(' ');
  const answer = COMMANDS.get((space < 0 ? command : command.slice(0, space)).toUpperCase());
  return answer ? answer(space < 0 ? '' : command.slice(space).trim()) : null;
}

const withoutArgument = (verb: string) => (argument: string) =>
  argument === '' ? null : reply(501, '5.5.4', `${verb} takes no parameters`);
const notImplemented = () => NOT_IMPLEMENTED;

const COMMANDS: ReadonlyMap<string, (argument: string) => Reply | null> = new Map([
  ['HELP', () => reply(214, '2.0.0', 'EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET NOOP VRFY QUIT: see RFC 5321')],
  // RFC 5321 section 3.5.3: neither yes nor no, since only the upstream knows.
  ['VRFY', who => (who ? reply(252, '2.5.0', 'Cannot say; send the mail and see') : syntax('VRFY address'))],
  // RFC 5321 section 4.1.1: these have no parameters, and SHOULD be refused when they come with some.
  ['RSET', withoutArgument('RSET')],
  ['QUIT', withoutArgument('QUIT')],
  ['AUTH', mechanism => (mechanism ? null : syntax('AUTH mechanism'))],
  // Known and not on offer (section 4.2.4). The last three are jokes of smtp-server's that a mail gateway does not tell.
  ...['EXPN', 'BDAT', 'BURL', 'ETRN', 'ATRN', 'TURN', 'SEND', 'SOML', 'SAML', 'WIZ', 'SHELL', 'KILL'].map(
    verb => [verb, notImplemented] as const,
  ),
]);

function syntax(text: string): Reply {
  return reply(501, '5.5.4', `Syntax: ${text}`);
}
