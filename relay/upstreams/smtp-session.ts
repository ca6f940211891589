// One SMTP session with an upstream: greeted once, then any number of transactions, each pipelined into as few writes as
// the upstream allows. It is our own and not nodemailer's because of one line that it keeps: before the last dot went out
// a fallback is safe, after it the message may be delivered twice (docs/decisions/0002).
import type { Envelope } from '../../src/mail/envelope.ts';
import { type Provider, providerOfHost } from '../../src/mail/provider.ts';
import { formatReply, isPositive, type Reply, reply } from '../../src/mail/reply.ts';
import type { AttemptResult, Stage } from '../../src/mail/upstream.ts';
import { judgeReply } from '../faults/judge.ts';
import { Conversation, type ConversationOptions } from './conversation.ts';
import { mailCommand, rcptCommand } from './envelope-commands.ts';
import { describeError, type Extensions, greet, SessionError } from './greeting.ts';
import { LAST_DOT, toWireForm } from './wire-form.ts';

export type SessionOptions = ConversationOptions & {
  /** What we call ourselves in EHLO. */
  readonly clientName: string;
};

/** From here on a lost connection leaves only the last dot to be sent separately: below, one write carries all. */
const SEPARATE_DOT_BYTES = 65_536;

/** By recipient: null while nothing is held against it. */
type Refusals = (AttemptResult | null)[];

export class SmtpSession {
  readonly #conversation: Conversation;
  readonly #extensions: Extensions;
  readonly #provider: Provider | null;
  #stage: Stage = 'mail';

  /** An open, authenticated session. Throws `SessionError`. */
  static async open(options: SessionOptions, signal: AbortSignal): Promise<SmtpSession> {
    if (signal.aborted) throw new SessionError('connect', new Error('shutting down'));
    const conversation = new Conversation(options);
    try {
      const extensions = await withAbort(signal, conversation, () =>
        greet(conversation, options.target, options.clientName),
      );
      return new SmtpSession(conversation, extensions, providerOfHost(options.target.host));
    } catch (error) {
      conversation.fail(error as Error);
      throw error;
    }
  }

  private constructor(conversation: Conversation, extensions: Extensions, provider: Provider | null) {
    this.#conversation = conversation;
    this.#extensions = extensions;
    this.#provider = provider;
  }

  get remoteAddress(): string | null {
    return this.#conversation.remoteAddress;
  }

  get tls(): string | null {
    return this.#conversation.tls;
  }

  /** Whether another transaction may begin here. */
  get usable(): boolean {
    return this.#conversation.isOpen;
  }

  quit(): void {
    this.#conversation.quit();
  }

  /**
   * One transaction for all recipients. Never throws; a session that is not `usable` afterwards must be thrown away. The
   * deadline holds until the last dot: after it, only the time for the reply does.
   */
  async transact(
    envelope: Envelope,
    content: readonly Buffer[],
    signal: AbortSignal,
    deadline?: AbortSignal,
  ): Promise<AttemptResult[]> {
    const refusals: Refusals = envelope.recipients.map(() => null);
    const late = () => this.#stage !== 'final' && this.#conversation.fail(new Error('out of time'));
    deadline?.addEventListener('abort', late, { once: true });
    try {
      const verdict = await withAbort(signal, this.#conversation, () => this.#converse(envelope, content, refusals));
      return refusals.map(refusal => refusal ?? verdict);
    } catch (error) {
      this.#conversation.fail(error as Error);
      const kind = this.#stage === 'final' ? 'uncertain' : 'unreachable';
      const failure: AttemptResult = { kind, stage: this.#stage, error: describeError(error as Error) };
      return refusals.map(refusal => refusal ?? failure);
    } finally {
      deadline?.removeEventListener('abort', late);
    }
  }

  /** The verdict on the message; recipients that were refused on their own are entered in `refusals`. */
  async #converse(envelope: Envelope, content: readonly Buffer[], refusals: Refusals): Promise<AttemptResult> {
    this.#stage = 'mail';
    this.#conversation.assertQuiet();
    const unsendable = this.#unsendable(envelope);
    if (unsendable) return this.#refused('mail', unsendable);
    const objection = await this.#sendEnvelope(envelope, sizeOf(content), refusals);
    return objection ? this.#giveUp(objection) : this.#sendContent(content);
  }

  /** MAIL, RCPT and DATA; null when the content is awaited, by somebody who is left. */
  async #sendEnvelope(envelope: Envelope, size: number, refusals: Refusals): Promise<Refused | null> {
    const isPipelined = this.#extensions.has('PIPELINING');
    const recipients = envelope.recipients.map(recipient => rcptCommand(recipient, this.#extensions));
    const commands = [mailCommand(envelope, size, this.#extensions), ...recipients, 'DATA'];
    if (isPipelined) this.#conversation.write(`${commands.join('\r\n')}\r\n`);
    const step = (index: number): Promise<Reply> => {
      return isPipelined ? this.#conversation.nextReply() : this.#conversation.ask(commands[index]!);
    };
    const mail = insistOnVerdict('MAIL', await step(0));
    // A host that says 421 goes away; what it still says to the commands behind is not waited for.
    if (mail.code === 421 || (!isPipelined && !isPositive(mail))) return this.#refused('mail', mail);
    this.#stage = 'rcpt';
    for (let i = 0; i < envelope.recipients.length; i += 1) {
      const answer = insistOnVerdict('RCPT', await step(i + 1));
      if (!isPositive(answer)) refusals[i] = this.#refused('rcpt', answer);
    }
    // Answers to RCPT say nothing where MAIL was refused.
    if (!isPositive(mail)) refusals.fill(null);
    const isNobodyLeft = !isPositive(mail) || refusals.every(refusal => refusal !== null);
    if (!isPipelined && isNobodyLeft) return this.#refused('mail', mail);
    this.#stage = 'data';
    return this.#judgeData(mail, await step(commands.length - 1), isNobodyLeft);
  }

  async #judgeData(mail: Reply, data: Reply, isNobodyLeft: boolean): Promise<Refused | null> {
    if (data.code === 354 && !isNobodyLeft) return null;
    // 354 although nobody is left to send to: nothing is sent (RFC 2920 section 3.1).
    if (data.code === 354) {
      this.#conversation.writeAll([LAST_DOT]);
      await this.#conversation.nextReply();
    }
    if (!isPositive(mail)) return this.#refused('mail', mail);
    // 2xx to DATA is no permission to go on, and no verdict.
    if (!isNobodyLeft && isPositive(data)) throw new Error(`unexpected reply to DATA: ${formatReply(data)}`);
    return this.#refused('data', data);
  }

  async #sendContent(content: readonly Buffer[]): Promise<AttemptResult> {
    this.#stage = 'content';
    this.#conversation.assertQuiet();
    const wire = toWireForm(content);
    if (sizeOf(wire) > SEPARATE_DOT_BYTES) {
      const early = await this.#conversation.writeOut(wire);
      if (early) return this.#tooEarly(early);
      this.#stage = 'final';
      this.#conversation.writeAll([LAST_DOT]);
    } else {
      this.#stage = 'final';
      this.#conversation.writeAll([...wire, LAST_DOT]);
    }
    const answer = insistOnVerdict('the message', await this.#conversation.nextReply());
    return isPositive(answer) ? this.#accepted(answer) : this.#giveUp(this.#refused('final', answer));
  }

  /** A verdict before the end of the message: a refusal may stand, but either ends the session. */
  #tooEarly(answer: Reply): AttemptResult {
    const error = new Error('reply before the end of the message');
    this.#conversation.fail(error);
    if (isPositive(answer)) throw error;
    return this.#refused('content', answer);
  }

  /** After a refusal the transaction is ended by force, so that the next one begins clean. */
  async #giveUp(result: Refused): Promise<AttemptResult> {
    if (result.reply.code === 421) this.#conversation.fail(new Error('the host goes away'));
    else if (result.stage !== 'final' && this.usable) {
      await this.#conversation.ask('RSET').catch(error => this.#conversation.fail(error));
    }
    return result;
  }

  #unsendable(envelope: Envelope): Reply | null {
    const addresses = [envelope.reversePath ?? '', ...envelope.recipients.map(recipient => recipient.address)];
    if (this.#extensions.has('SMTPUTF8') || addresses.every(isAscii)) return null;
    return reply(550, '5.6.7', 'SMTPUTF8 is not offered');
  }

  #accepted(answer: Reply): AttemptResult {
    return { kind: 'accepted', reply: answer, ...(this.#extensions.has('DSN') ? { tellsSender: true } : {}) };
  }

  #refused(stage: Stage, answer: Reply): Refused {
    return { kind: 'refused', stage, reply: answer, ...judgeReply(stage, answer, this.#provider) };
  }
}

type Refused = AttemptResult & { kind: 'refused' };

/** 3xx asks for more of what ends with a verdict (RFC 5321 section 4.2.1): whoever says so here has lost count, or lies. */
function insistOnVerdict(what: string, answer: Reply): Reply {
  if (answer.code >= 300 && answer.code < 400) throw new Error(`unexpected reply to ${what}: ${formatReply(answer)}`);
  return answer;
}

function sizeOf(parts: readonly Buffer[]): number {
  return parts.reduce((bytes, part) => bytes + part.length, 0);
}

const isAscii = (text: string) => /^[\x20-\x7e]*$/.test(text);

/** Runs the step; an abort ends the conversation, and so the step. */
async function withAbort<T>(signal: AbortSignal, conversation: Conversation, step: () => Promise<T>): Promise<T> {
  const abort = () => conversation.fail(new Error('shutting down'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await step();
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
