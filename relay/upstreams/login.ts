// AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN, XOAUTH2 as Google and Microsoft have it, OAUTHBEARER (RFC 7628).
import { readFile } from 'node:fs/promises';
import type { Reply } from '../../src/mail/reply.ts';
import type { Conversation } from './conversation.ts';
import type { Login, Target } from './target.ts';

/** Tokens of Microsoft have about 2 KB; a line of SMTP may have 12,288 bytes here (RFC 4954 section 4). */
const MAX_TOKEN = 8_192;

/** What the host says to our login, good or bad. Throws where the login is not even tried. */
export async function logIn(conversation: Conversation, target: Target, login: Login, offered: string): Promise<Reply> {
  if (conversation.tls === null && target.tls !== 'none' && !conversation.isLoopback) {
    throw new Error('the password is not sent in clear (tls=none would allow it)');
  }
  const methods = offered.toUpperCase().split(' ');
  const { user, password, method } = login;
  if (method === 'xoauth2') return withToken(conversation, target, login, methods);
  const isLogin = method === 'login' || (method === 'any' && methods.includes('LOGIN') && !methods.includes('PLAIN'));
  if (isLogin) return withLogin(conversation, user, password);
  return conversation.ask(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
}

async function withLogin(conversation: Conversation, user: string, password: string): Promise<Reply> {
  const forUser = await conversation.ask('AUTH LOGIN');
  if (forUser.code !== 334) return forUser;
  const forPassword = await conversation.ask(base64(user));
  return forPassword.code === 334 ? conversation.ask(base64(password)) : forPassword;
}

async function withToken(
  conversation: Conversation,
  { host, port }: Target,
  { user, tokenFile }: Login,
  methods: readonly string[],
): Promise<Reply> {
  const token = await readToken(tokenFile!);
  const isStandard = methods.includes('OAUTHBEARER') && !methods.includes('XOAUTH2');
  const answer = isStandard
    ? await conversation.ask(
        `AUTH OAUTHBEARER ${base64(`n,a=${saslName(user)},\x01host=${host}\x01port=${port}\x01auth=Bearer ${token}\x01\x01`)}`,
      )
    : await conversation.ask(`AUTH XOAUTH2 ${base64(`user=${user}\x01auth=Bearer ${token}\x01\x01`)}`);
  // 334 carries why the token is refused, as JSON; the refusal itself comes once that was acknowledged.
  return answer.code === 334 ? conversation.ask(isStandard ? base64('\x01') : '') : answer;
}

/** Read at every login: whoever renews the token only writes the file. */
async function readToken(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(cause => {
    throw new Error(`the token cannot be read: ${cause.message}`, { cause });
  });
  const token = text.trim();
  // RFC 6750 section 2.1; anything else could end the line, or the field.
  if (!/^[\w.~+/-]+=*$/.test(token) || token.length > MAX_TOKEN) throw new Error(`no token in ${path}`);
  return token;
}

/** RFC 5801 section 4. */
const saslName = (user: string) => user.replaceAll('=', '=3D').replaceAll(',', '=2C');

const base64 = (text: string) => Buffer.from(text).toString('base64');
