// The byte side of talking to an upstream: one socket, plain or TLS, its replies in order, a deadline for each. It ends
// with the first thing that is wrong, for good; whoever waits then gets that error.
import { once } from 'node:events';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Reply } from '../../src/mail/reply.ts';
import { judgeCertificate, tlsOptions } from './certificate.ts';
import { ReplyReader } from './reply-reader.ts';
import { connectThrough } from './socks.ts';
import type { Target } from './target.ts';

export type ConversationOptions = {
  readonly target: Target;
  /** Longest wait for one reply. */
  readonly replyTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly lookup?: LookupFunction;
};

type Waiter = { resolve: (reply: Reply) => void; reject: (error: Error) => void; timer: NodeJS.Timeout };

/** One write may be answered by as many replies as it held commands; far more than that is a flood. */
const MAX_WAITING_REPLIES = 10_000;

export class Conversation {
  readonly #options: ConversationOptions;
  readonly #reader = new ReplyReader();
  #socket: Socket;
  #replies: Reply[] = [];
  #waiter: Waiter | null = null;
  #failure: Error | null = null;
  /** Told of the end, beside a waiter for a reply. */
  #onFailure: ((error: Error) => void) | null = null;
  #onReply: (() => void) | null = null;
  /** The lines of the last reply, where EHLO's extensions are. */
  lastLines: readonly string[] = [];
  tls: string | null = null;
  remoteAddress: string | null = null;

  constructor(options: ConversationOptions) {
    this.#options = options;
    const { host, port, proxy, sourceAddress } = options.target;
    this.#socket = connectTcp({
      ...{ host: proxy?.host ?? host, port: proxy?.port ?? port, noDelay: true },
      ...(options.lookup ? { lookup: options.lookup } : {}),
      ...(sourceAddress ? { localAddress: sourceAddress, family: isIP(sourceAddress) } : {}),
    });
    this.#watch(this.#socket);
  }

  get isOpen(): boolean {
    return this.#failure === null && !this.#socket.destroyed;
  }

  get isLoopback(): boolean {
    if (this.#options.target.proxy) return false;
    return /^(127\.|::1$|::ffff:127\.)/.test(this.#socket.remoteAddress ?? '');
  }

  /** Resolves when there is a connection, and nothing was said yet. */
  async connect(): Promise<void> {
    const { host, port, proxy, tls } = this.#options.target;
    const socket = this.#socket;
    await this.#inTime(once(socket, 'connect'));
    if (proxy) await this.#inTime(connectThrough(socket, proxy, host, port));
    const { remoteAddress, remotePort } = socket;
    this.remoteAddress = proxy
      ? `${bracketed(host)}:${port} through ${proxy.host}`
      : `${bracketed(remoteAddress ?? '')}:${remotePort}`;
    if (tls !== 'implicit') this.#hear(socket);
  }

  /** What came in clear behind the 220 was not said by the host that we are about to authenticate (CVE-2011-0411). */
  async upgrade(): Promise<void> {
    if (this.#failure || this.#reader.hasPartial || this.#replies.length > 0)
      throw new Error('bytes behind the reply to STARTTLS');
    this.#socket.removeAllListeners('data');
    await this.encrypt();
  }

  /** Throws when the certificate is not one that will do. */
  async encrypt(): Promise<void> {
    const secure = connectTls({ socket: this.#socket, ...tlsOptions(this.#options.target) });
    this.#socket = secure;
    this.#watch(secure);
    await this.#inTime(once(secure, 'secureConnect'));
    const judged = judgeCertificate(secure, this.#options.target.certificate);
    this.tls = `${secure.getProtocol()}${judged ? ` (${judged})` : ''}`;
    this.#hear(secure);
  }

  ask(command: string): Promise<Reply> {
    this.assertQuiet();
    this.write(`${command}\r\n`);
    return this.nextReply();
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** In one write where the system allows. */
  writeAll(parts: readonly Buffer[]): void {
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  /**
   * Resolves when the kernel has it all, with null; or with a reply that came before that. A host that takes nothing any
   * more is given up like one that does not answer (RFC 5321 section 4.5.3.2.5).
   */
  async writeOut(parts: readonly Buffer[]): Promise<Reply | null> {
    const { replyTimeoutMs } = this.#options;
    this.#socket.setTimeout(replyTimeoutMs, () => this.fail(new Error(`nothing taken within ${replyTimeoutMs} ms`)));
    await new Promise<void>((resolve, reject) => {
      this.#onFailure = reject;
      this.#onReply = resolve;
      this.writeAll(parts);
      this.#socket.write('', () => resolve());
    }).finally(() => {
      this.#onFailure = null;
      this.#onReply = null;
      this.#socket.setTimeout(0).removeAllListeners('timeout');
    });
    return this.#replies.shift() ?? null;
  }

  nextReply(): Promise<Reply> {
    const waiting = this.#replies.shift();
    if (waiting) return Promise.resolve(waiting);
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const timeoutMs = this.#options.replyTimeoutMs;
      const timer = setTimeout(() => this.fail(new Error(`no reply within ${timeoutMs} ms`)), timeoutMs);
      this.#waiter = { resolve, reject, timer };
    });
  }

  /** A reply to what was not asked yet is a host that lies, or one that lost count: both end in wrong verdicts. */
  assertQuiet(): void {
    if (this.#replies.length > 0 || this.#reader.hasPartial) this.fail(new Error('reply without a command'));
    if (this.#failure) throw this.#failure;
  }

  /** Says goodbye without waiting for the answer. */
  quit(): void {
    if (this.isOpen) this.#socket.end('QUIT\r\n');
    this.#failure ??= new Error('session ended');
    const socket = this.#socket;
    setTimeout(() => socket.destroy(), 1_000).unref();
  }

  fail(error: Error): void {
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

  #watch(socket: Socket): void {
    socket.on('error', error => this.fail(error));
    socket.on('close', () => this.fail(new Error('connection closed')));
    socket.on('end', () => this.fail(new Error('connection closed')));
  }

  #hear(socket: Socket): void {
    socket.on('data', chunk => this.#receive(chunk));
    // Whoever read before us may have left it paused.
    socket.resume();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const { reply, lines } of this.#reader.push(chunk)) this.#deliver(reply, lines);
      if (this.#reader.broken) this.fail(this.#reader.broken);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #deliver(reply: Reply, lines: readonly string[]): void {
    const waiter = this.#waiter;
    this.lastLines = lines;
    if (waiter) {
      this.#waiter = null;
      clearTimeout(waiter.timer);
      waiter.resolve(reply);
      return;
    }
    this.#replies.push(reply);
    if (this.#replies.length > MAX_WAITING_REPLIES) this.fail(new Error('endless replies'));
    this.#onReply?.();
  }

  /** A step of connecting, within the time for it. */
  async #inTime(step: Promise<unknown>): Promise<void> {
    const { connectTimeoutMs } = this.#options;
    const late = () => this.fail(new Error(`no connection within ${connectTimeoutMs} ms`));
    const timer = setTimeout(late, connectTimeoutMs);
    const failed = new Promise<never>((_, reject) => {
      if (this.#failure) reject(this.#failure);
      this.#onFailure = reject;
    });
    try {
      await Promise.race([failed, step]);
    } finally {
      clearTimeout(timer);
      this.#onFailure = null;
    }
  }
}

const bracketed = (address: string) => (isIP(address) === 6 ? `[${address}]` : address);
