// What comes before the first transaction: banner, EHLO, STARTTLS, AUTH.
import { formatReply, isPositive, type Reply } from '../../src/mail/reply.ts';
import type { Stage } from '../../src/mail/upstream.ts';
import type { UpstreamSettings } from '../../src/platform/upstream-url.ts';
import type { Conversation } from './conversation.ts';

/** Keyword → parameters, as EHLO was answered. */
export type Extensions = ReadonlyMap<string, string>;

/** Why there is no session: a refusal in words, or no conversation at all. */
export class SessionError extends Error {
  readonly stage: Stage;
  readonly reply: Reply | null;
  constructor(stage: Stage, cause: Reply | Error) {
    super(cause instanceof Error ? describeError(cause) : formatReply(cause), { cause });
    this.stage = stage;
    this.reply = cause instanceof Error ? null : cause;
  }
}

/** A refused connection to several addresses comes as an AggregateError without a message. */
export function describeError(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(inner => (inner as Error).message).join('; ');
  return error.message;
}

/** Makes a conversation ready for mail. Throws `SessionError`. */
export async function greet(
  conversation: Conversation,
  settings: UpstreamSettings,
  clientName: string,
): Promise<Extensions> {
  const { tls, user } = settings;
  await at(tls === 'implicit' ? 'tls' : 'connect', () => conversation.connected());
  await at('banner', async () => insist('banner', await conversation.nextReply(), 220));
  let extensions = await at('ehlo', () => hello(conversation, clientName));
  if (tls !== 'none' && tls !== 'implicit' && (await at('tls', () => startTls(conversation, extensions, tls)))) {
    extensions = await at('ehlo', () => hello(conversation, clientName));
  }
  if (user !== null) await at('auth', () => authenticate(conversation, extensions, settings, user));
  return extensions;
}

/** Whatever goes wrong within goes wrong at that stage. */
async function at<T>(stage: Stage, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw error instanceof SessionError ? error : new SessionError(stage, error as Error);
  }
}

function insist(stage: Stage, answer: Reply, code: number): void {
  if (answer.code !== code) throw new SessionError(stage, answer);
}

async function hello(conversation: Conversation, clientName: string): Promise<Extensions> {
  if (isPositive(await conversation.ask(`EHLO ${clientName}`))) return readExtensions(conversation.lastLines);
  const plain = await conversation.ask(`HELO ${clientName}`);
  if (!isPositive(plain)) throw new SessionError('ehlo', plain);
  return new Map();
}

/** Whether the conversation is encrypted now. */
async function startTls(
  conversation: Conversation,
  extensions: Extensions,
  tls: UpstreamSettings['tls'],
): Promise<boolean> {
  if (!extensions.has('STARTTLS')) {
    if (tls === 'opportunistic') return false;
    throw new Error('STARTTLS is not offered');
  }
  const answer = await conversation.ask('STARTTLS');
  if (!isPositive(answer)) {
    if (tls === 'opportunistic') return false;
    throw new SessionError('tls', answer);
  }
  await conversation.upgrade();
  return true;
}

async function authenticate(
  conversation: Conversation,
  extensions: Extensions,
  settings: UpstreamSettings,
  user: string,
) {
  if (conversation.tls === null && settings.tls !== 'none' && !conversation.isLoopback) {
    throw new Error('the password is not sent in clear (tls=none would allow it)');
  }
  const password = settings.password ?? '';
  const methods = (extensions.get('AUTH') ?? '').toUpperCase().split(' ');
  const answer =
    methods.includes('LOGIN') && !methods.includes('PLAIN')
      ? await authLogin(conversation, user, password)
      : await conversation.ask(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
  insist('auth', answer, 235);
}

async function authLogin(conversation: Conversation, user: string, password: string): Promise<Reply> {
  const forUser = await conversation.ask('AUTH LOGIN');
  if (forUser.code !== 334) return forUser;
  const forPassword = await conversation.ask(base64(user));
  return forPassword.code === 334 ? conversation.ask(base64(password)) : forPassword;
}

/** From the lines behind the first (RFC 5321 section 4.1.1.1). */
function readExtensions(lines: readonly string[]): Extensions {
  const extensions = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const [keyword = '', ...parameters] = line.trim().split(/[ =]+/);
    extensions.set(keyword.toUpperCase(), parameters.join(' '));
  }
  return extensions;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
