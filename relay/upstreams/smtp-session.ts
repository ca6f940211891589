// One SMTP conversation with an upstream: connect, TLS, AUTH, then any number of transactions, each pipelined into as
// few writes as the upstream allows. nodemailer's SMTPConnection was tried first: it keeps no line between "the last dot
// went out" and "it did not", which is the line between a safe fallback and mail delivered twice, it does not pipeline,
// and costs 0.25 CPU-seconds per 1,000 messages where this costs 0.06 (docs/decisions/0002).
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Envelope, Recipient } from '../../src/mail/envelope.ts';
import { formatReply, isPositive, type Reply, reply } from '../../src/mail/reply.ts';
import type { AttemptResult, Stage } from '../../src/mail/upstream.ts';
import type { UpstreamSettings } from '../../src/platform/upstream-url.ts';
import { scopeOf } from '../fault.ts';
import { ReplyReader } from './reply-reader.ts';
import { LAST_DOT, toWireForm } from './wire-form.ts';

export type SessionOptions = {
  readonly settings: UpstreamSettings;
  /** What we call ourselves in EHLO. */
  readonly clientName: string;
  /** Longest wait for one reply. */
  readonly replyTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly lookup?: LookupFunction;
};

/** Why there is no session: a refusal in words, or no conversation at all. */
export class SessionError extends Error {
  readonly stage: Stage;
  readonly reply: Reply | null;
  constructor(stage: Stage, cause: Reply | Error) {
    super(cause instanceof Error ? describe(cause) : formatReply(cause), { cause });
    this.stage = stage;
    this.reply = cause instanceof Error ? null : cause;
  }
}

/** From here on a lost connection leaves only the last dot to be sent separately: below, one write carries all. */
const SEPARATE_DOT_BYTES = 65_536;

type Extensions = ReadonlyMap<string, string>;
type Waiter = { resolve: (reply: Reply) => void; reject: (error: Error) => void; timer: NodeJS.Timeout };

export class SmtpSession {
  readonly #options: SessionOptions;
  #socket: Socket;
  #reader = new ReplyReader();
  #replies: Reply[] = [];
  #lastLines: readonly string[] = [];
  #waiter: Waiter | null = null;
  #failure: Error | null = null;
  #stage: Stage = 'connect';
  #extensions: Extensions = new Map();
  /** Transactions finished. */
  transactions = 0;
  tls: string | null = null;
  remoteAddress: string | null = null;

  /** An open, authenticated session. Throws `SessionError`. */
  static async open(options: SessionOptions, signal: AbortSignal): Promise<SmtpSession> {
    if (signal.aborted) throw new SessionError('connect', new Error('shutting down'));
    const session = new SmtpSession(options);
    const abort = () => session.#fail(new Error('shutting down'));
    signal.addEventListener('abort', abort, { once: true });
    try {
      await session.#greet();
      return session;
    } catch (error) {
      session.destroy();
      throw error instanceof SessionError ? error : new SessionError(session.#stage, error as Error);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  private constructor(options: SessionOptions) {
    this.#options = options;
    const { host, port, tls } = options.settings;
    const address = { host, port, noDelay: true, ...(options.lookup ? { lookup: options.lookup } : {}) };
    this.#socket = tls === 'implicit' ? connectTls({ ...address, ...this.#tlsOptions() }) : connectTcp(address);
    this.#listen(this.#socket);
  }

  /** Whether another transaction may begin here. */
  get usable(): boolean {
    return this.#failure === null && !this.#socket.destroyed;
  }

  /** One transaction for all recipients. Never throws; a session that is not `usable` afterwards must be thrown away. */
  async transact(envelope: Envelope, content: readonly Buffer[], signal: AbortSignal): Promise<AttemptResult[]> {
    const abort = () => this.#fail(new Error('shutting down'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    const refusals: (AttemptResult | null)[] = envelope.recipients.map(() => null);
    try {
      const verdict = await this.#converse(envelope, content, refusals);
      this.transactions += 1;
      return refusals.map(refusal => refusal ?? verdict);
    } catch (error) {
      this.destroy();
      const kind = this.#stage === 'final' ? 'uncertain' : 'unreachable';
      const failure: AttemptResult = { kind, stage: this.#stage, error: describe(error as Error) };
      return refusals.map(refusal => refusal ?? failure);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Says goodbye without waiting for the answer. */
  quit(): void {
    if (this.usable) this.#socket.end('QUIT\r\n');
    this.#failure ??= new Error('session ended');
    const socket = this.#socket;
    setTimeout(() => socket.destroy(), 1_000).unref();
  }

  destroy(): void {
    this.#fail(new Error('session ended'));
  }

  // ── before the first transaction ──────────────────────────────────────────────────────────────────────────────

  async #greet(): Promise<void> {
    const { tls, user } = this.#options.settings;
    await this.#connected();
    this.#stage = 'banner';
    await this.#expect(220);
    await this.#hello();
    if (tls !== 'none' && tls !== 'implicit') await this.#startTls();
    if (user !== null) await this.#authenticate(user);
  }

  async #connected(): Promise<void> {
    const { tls } = this.#options.settings;
    const socket = this.#socket;
    if (tls === 'implicit') this.#stage = 'tls';
    await this.#until(tls === 'implicit' ? 'secureConnect' : 'connect', this.#options.connectTimeoutMs);
    this.remoteAddress = `${isIP(socket.remoteAddress ?? '') === 6 ? `[${socket.remoteAddress}]` : socket.remoteAddress}:${socket.remotePort}`;
    if (tls === 'implicit') this.tls = (socket as TLSSocket).getProtocol();
  }

  async #hello(): Promise<void> {
    this.#stage = 'ehlo';
    const answer = await this.#ask(`EHLO ${this.#options.clientName}`);
    if (isPositive(answer)) {
      this.#extensions = readExtensions(this.#lastLines);
      return;
    }
    this.#extensions = new Map();
    const plain = await this.#ask(`HELO ${this.#options.clientName}`);
    if (!isPositive(plain)) throw new SessionError('ehlo', plain);
  }

  async #startTls(): Promise<void> {
    const { tls } = this.#options.settings;
    this.#stage = 'tls';
    if (!this.#extensions.has('STARTTLS')) {
      if (tls === 'opportunistic') return;
      throw new Error('STARTTLS is not offered');
    }
    const answer = await this.#ask('STARTTLS');
    if (!isPositive(answer)) {
      if (tls === 'opportunistic') return;
      throw new SessionError('tls', answer);
    }
    await this.#upgrade();
    await this.#hello();
  }

  /** What came in clear behind the 220 was not said by the host that we are about to authenticate (CVE-2011-0411). */
  async #upgrade(): Promise<void> {
    if (this.#reader.hasPartial || this.#replies.length > 0) throw new Error('bytes behind the reply to STARTTLS');
    this.#socket.removeAllListeners('data');
    this.#socket = connectTls({ socket: this.#socket, ...this.#tlsOptions() });
    this.#listen(this.#socket);
    await this.#until('secureConnect', this.#options.connectTimeoutMs);
    this.tls = (this.#socket as TLSSocket).getProtocol();
  }

  #tlsOptions() {
    const { host, verifyCertificate } = this.#options.settings;
    return {
      minVersion: 'TLSv1.2' as const,
      rejectUnauthorized: verifyCertificate,
      ...(isIP(host) ? {} : { servername: host }),
    };
  }

  async #authenticate(user: string): Promise<void> {
    this.#stage = 'auth';
    const { settings } = this.#options;
    const password = settings.password ?? '';
    if (this.tls === null && settings.tls !== 'none' && !isLoopback(this.#socket.remoteAddress)) {
      throw new Error('the password is not sent in clear (tls=none would allow it)');
    }
    const methods = (this.#extensions.get('AUTH') ?? '').toUpperCase().split(' ');
    const answer =
      methods.includes('LOGIN') && !methods.includes('PLAIN')
        ? await this.#authLogin(user, password)
        : await this.#ask(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
    if (answer.code !== 235) throw new SessionError('auth', answer);
  }

  async #authLogin(user: string, password: string): Promise<Reply> {
    const forUser = await this.#ask('AUTH LOGIN');
    if (forUser.code !== 334) return forUser;
    const forPassword = await this.#ask(base64(user));
    return forPassword.code === 334 ? this.#ask(base64(password)) : forPassword;
  }

  // ── a transaction ─────────────────────────────────────────────────────────────────────────────────────────────

  /** The verdict on the message; recipients that were refused on their own are entered in `refusals`. */
  async #converse(envelope: Envelope, content: readonly Buffer[], refusals: (AttemptResult | null)[]) {
    this.#stage = 'mail';
    this.#assertQuiet();
    const unsendable = this.#unsendable(envelope);
    if (unsendable) return refused('mail', unsendable);
    const size = content.reduce((bytes, part) => bytes + part.length, 0);
    const pipelined = this.#extensions.has('PIPELINING');
    const commands = [this.#mailCommand(envelope, size), ...envelope.recipients.map(r => this.#rcptCommand(r)), 'DATA'];
    if (pipelined) this.#socket.write(`${commands.join('\r\n')}\r\n`);
    const step = (index: number) => {
      if (!pipelined) this.#socket.write(`${commands[index]}\r\n`);
      return this.#nextReply();
    };
    const mail = await step(0);
    // A host that says 421 goes away; what it still says to the commands behind is not waited for.
    if (mail.code === 421 || (!pipelined && !isPositive(mail))) return this.#giveUp(refused('mail', mail));
    this.#stage = 'rcpt';
    for (let i = 0; i < envelope.recipients.length; i += 1) {
      const answer = await step(i + 1);
      if (!isPositive(answer)) refusals[i] = refused('rcpt', answer);
    }
    // Answers to RCPT say nothing where MAIL was refused.
    if (!isPositive(mail)) refusals.fill(null);
    const nobodyLeft = !isPositive(mail) || refusals.every(refusal => refusal !== null);
    if (!pipelined && nobodyLeft) return this.#giveUp(refused('mail', mail));
    this.#stage = 'data';
    const data = await step(commands.length - 1);
    if (data.code === 354 && nobodyLeft) await this.#sendNothing();
    if (nobodyLeft || data.code !== 354) {
      // 2xx to DATA is no permission to go on, and no verdict.
      if (!nobodyLeft && isPositive(data)) throw new Error(`unexpected reply to DATA: ${formatReply(data)}`);
      return this.#giveUp(refused(isPositive(mail) ? 'data' : 'mail', isPositive(mail) ? data : mail));
    }
    return this.#sendContent(content);
  }

  async #sendContent(content: readonly Buffer[]): Promise<AttemptResult> {
    this.#stage = 'content';
    this.#assertQuiet();
    const wire = toWireForm(content);
    const bytes = wire.reduce((total, part) => total + part.length, 0);
    if (bytes > SEPARATE_DOT_BYTES) {
      const early = await this.#writeContent(wire);
      if (early) return early;
      this.#stage = 'final';
      this.#socket.write(LAST_DOT);
    } else {
      this.#stage = 'final';
      this.#socket.cork();
      for (const part of wire) this.#socket.write(part);
      this.#socket.write(LAST_DOT);
      this.#socket.uncork();
    }
    const answer = await this.#nextReply();
    return isPositive(answer) ? { kind: 'accepted', reply: answer } : this.#giveUp(refused('final', answer));
  }

  /**
   * Resolves when the kernel has it all; or with a refusal that came before the end, which also ends the session. A host
   * that takes nothing any more is given up like one that does not answer (RFC 5321 section 4.5.3.2.5).
   */
  async #writeContent(wire: readonly Buffer[]): Promise<AttemptResult | null> {
    const last = wire.length - 1;
    const { replyTimeoutMs } = this.#options;
    this.#socket.setTimeout(replyTimeoutMs, () => this.#fail(new Error(`nothing taken within ${replyTimeoutMs} ms`)));
    await new Promise<void>((resolve, reject) => {
      this.#onFailure = reject;
      this.#onReply = resolve;
      this.#socket.cork();
      wire.forEach((part, i) => {
        this.#socket.write(part, i === last ? () => resolve() : undefined);
      });
      this.#socket.uncork();
    }).finally(() => {
      this.#onFailure = null;
      this.#onReply = null;
      this.#socket.setTimeout(0).removeAllListeners('timeout');
    });
    const early = this.#replies.shift();
    if (!early) return null;
    this.#fail(new Error('reply before the end of the message'));
    if (isPositive(early)) throw new Error('reply before the end of the message');
    return refused('content', early);
  }

  #onFailure: ((error: Error) => void) | null = null;
  #onReply: (() => void) | null = null;

  /** The server said 354 although nobody is left to send to (RFC 2920 section 3.1). */
  async #sendNothing(): Promise<void> {
    this.#socket.write(LAST_DOT);
    await this.#nextReply();
  }

  /** After a refusal the transaction is ended by force, so that the next one begins clean. */
  async #giveUp(result: AttemptResult): Promise<AttemptResult> {
    const closing = result.kind === 'refused' && result.reply.code === 421;
    if (closing || !this.usable) this.destroy();
    else if (result.kind === 'refused' && result.stage !== 'final') {
      const stage = this.#stage;
      await this.#ask('RSET').catch(() => this.destroy());
      this.#stage = stage;
    }
    return result;
  }

  #unsendable(envelope: Envelope): Reply | null {
    const addresses = [envelope.reversePath ?? '', ...envelope.recipients.map(recipient => recipient.address)];
    if (this.#extensions.has('SMTPUTF8') || addresses.every(isAscii)) return null;
    return reply(550, '5.6.7', 'SMTPUTF8 is not offered');
  }

  #mailCommand(envelope: Envelope, size: number): string {
    let command = `MAIL FROM:<${envelope.reversePath ?? ''}>`;
    if (this.#extensions.has('SIZE')) command += ` SIZE=${size}`;
    if (this.#extensions.has('8BITMIME') && envelope.body === '8BITMIME') command += ' BODY=8BITMIME';
    if (this.#extensions.has('SMTPUTF8') && envelope.smtpUtf8) command += ' SMTPUTF8';
    if (!this.#extensions.has('DSN')) return command;
    if (envelope.ret) command += ` RET=${envelope.ret}`;
    if (envelope.envid) command += ` ENVID=${envelope.envid}`;
    return command;
  }

  #rcptCommand({ address, notify, orcpt }: Recipient): string {
    const command = `RCPT TO:<${address}>`;
    if (!this.#extensions.has('DSN')) return command;
    return command + (notify ? ` NOTIFY=${notify.join(',')}` : '') + (orcpt ? ` ORCPT=${orcpt}` : '');
  }

  // ── bytes and replies ─────────────────────────────────────────────────────────────────────────────────────────

  #listen(socket: Socket): void {
    socket.on('data', chunk => this.#receive(chunk));
    socket.on('error', error => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('connection closed')));
    socket.on('end', () => this.#fail(new Error('connection closed')));
  }

  #receive(chunk: Buffer): void {
    try {
      for (const { reply: answer, lines } of this.#reader.push(chunk)) this.#deliver(answer, lines);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #deliver(answer: Reply, lines: readonly string[]): void {
    const waiter = this.#waiter;
    this.#lastLines = lines;
    if (waiter) {
      this.#waiter = null;
      clearTimeout(waiter.timer);
      waiter.resolve(answer);
      return;
    }
    this.#replies.push(answer);
    // One write may be answered by as many replies as it held commands; far more than that is a flood.
    if (this.#replies.length > 10_000) this.#fail(new Error('endless replies'));
    this.#onReply?.();
  }

  #nextReply(): Promise<Reply> {
    const waiting = this.#replies.shift();
    if (waiting) return Promise.resolve(waiting);
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const timeoutMs = this.#options.replyTimeoutMs;
      const timer = setTimeout(() => this.#fail(new Error(`no reply within ${timeoutMs} ms`)), timeoutMs);
      this.#waiter = { resolve, reject, timer };
    });
  }

  #ask(command: string): Promise<Reply> {
    this.#assertQuiet();
    this.#socket.write(`${command}\r\n`);
    return this.#nextReply();
  }

  async #expect(code: number): Promise<void> {
    const answer = await this.#nextReply();
    if (answer.code !== code) throw new SessionError(this.#stage, answer);
  }

  /** A reply to what was not asked yet is a host that lies, or one that lost count: both end in wrong verdicts. */
  #assertQuiet(): void {
    if (this.#failure) throw this.#failure;
    if (this.#replies.length > 0 || this.#reader.hasPartial) {
      this.#fail(new Error('reply without a command'));
      throw this.#failure!;
    }
  }

  #until(event: 'connect' | 'secureConnect', timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
      this.#onFailure = reject;
      this.#socket.once(event, () => {
        clearTimeout(timer);
        this.#onFailure = null;
        resolve();
      });
      this.#socket.once('close', () => clearTimeout(timer));
    });
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#socket.destroy();
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter) {
      clearTimeout(waiter.timer);
      waiter.reject(error);
    }
    this.#onFailure?.(error);
  }
}

function refused(stage: Stage, answer: Reply): AttemptResult {
  return { kind: 'refused', stage, reply: answer, scope: scopeOf(stage, answer) };
}

/** Keyword → parameters, from the lines behind the first (RFC 5321 section 4.1.1.1). */
function readExtensions(lines: readonly string[]): Extensions {
  const extensions = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const [keyword = '', ...parameters] = line.trim().split(/[ =]+/);
    extensions.set(keyword.toUpperCase(), parameters.join(' '));
  }
  return extensions;
}

function describe(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(inner => (inner as Error).message).join('; ');
  return error.message;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

const isAscii = (text: string) => /^[\x20-\x7e]*$/.test(text);

const isLoopback = (address: string | undefined) => /^(127\.|::1$|::ffff:127\.)/.test(address ?? '');
