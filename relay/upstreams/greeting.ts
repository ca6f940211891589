// What comes before the first transaction: banner, EHLO, STARTTLS, AUTH.
import { formatReply, type Reply } from '../../src/mail/reply.ts';
import type { Scope, Stage } from '../../src/mail/upstream.ts';
import type { UpstreamTls } from '../../src/platform/upstream-url.ts';
import type { Conversation } from './conversation.ts';
import { logIn } from './login.ts';
import type { Target } from './target.ts';

/** Keyword → parameters, as EHLO was answered. */
export type Extensions = ReadonlyMap<string, string>;

/** Why there is no session: a refusal in words, or no conversation at all. */
export class SessionError extends Error {
  readonly stage: Stage;
  readonly reply: Reply | null;
  /** Who is at fault, where whoever threw it knows better than the reply tells. */
  readonly scope: Scope | null;
  constructor(stage: Stage, cause: Reply | Error, scope: Scope | null = null) {
    super(cause instanceof Error ? describeError(cause) : formatReply(cause), { cause });
    this.stage = stage;
    this.reply = cause instanceof Error ? null : cause;
    this.scope = scope;
  }
}

/** A refused connection to several addresses comes as an AggregateError without a message. */
export function describeError(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(inner => (inner as Error).message).join('; ');
  return error.message;
}

/** Makes a conversation ready for mail. Throws `SessionError`. */
export async function greet(conversation: Conversation, target: Target, clientName: string): Promise<Extensions> {
  const { tls, login } = target;
  await at('connect', () => conversation.connect());
  if (tls === 'implicit') await at('tls', () => conversation.encrypt());
  await at('banner', async () => insist('banner', await conversation.nextReply(), 220));
  let extensions = await at('ehlo', () => hello(conversation, clientName));
  if (tls !== 'none' && tls !== 'implicit' && (await at('tls', () => startTls(conversation, extensions, tls)))) {
    extensions = await at('ehlo', () => hello(conversation, clientName));
  }
  if (login !== null) {
    const offered = extensions.get('AUTH') ?? '';
    await at('auth', async () => insist('auth', await logIn(conversation, target, login, offered), 235));
  }
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
  if (isDone(await conversation.ask(`EHLO ${clientName}`))) return readExtensions(conversation.lastLines);
  const plain = await conversation.ask(`HELO ${clientName}`);
  if (!isDone(plain)) throw new SessionError('ehlo', plain);
  return new Map();
}

/** Whether the conversation is encrypted now. */
async function startTls(conversation: Conversation, extensions: Extensions, tls: UpstreamTls): Promise<boolean> {
  if (!extensions.has('STARTTLS')) {
    if (tls === 'opportunistic') return false;
    throw new Error('STARTTLS is not offered');
  }
  const answer = await conversation.ask('STARTTLS');
  if (!isDone(answer)) {
    if (tls === 'opportunistic') return false;
    throw new SessionError('tls', answer);
  }
  await conversation.upgrade();
  return true;
}

const isDone = (answer: Reply) => answer.code < 300;

/** From the lines behind the first (RFC 5321 section 4.1.1.1). */
function readExtensions(lines: readonly string[]): Extensions {
  const extensions = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const [keyword = '', ...parameters] = line.trim().split(/[ =]+/);
    extensions.set(keyword.toUpperCase(), parameters.join(' '));
  }
  return extensions;
}
