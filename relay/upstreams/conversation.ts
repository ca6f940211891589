// The byte side of talking to an upstream: one socket, plain or TLS, its replies in order, a deadline for each. It ends
// with the first thing that is wrong, for good; whoever waits then gets that error.
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Reply } from '../../src/mail/reply.ts';
import type { UpstreamSettings } from '../../src/platform/upstream-url.ts';
import { ReplyReader } from './reply-reader.ts';

export type ConversationOptions = {
  readonly settings: UpstreamSettings;
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
    const { host, port, tls } = options.settings;
    const address = { host, port, noDelay: true, ...(options.lookup ? { lookup: options.lookup } : {}) };
    this.#socket = tls === 'implicit' ? connectTls({ ...address, ...this.#tlsOptions() }) : connectTcp(address);
    this.#listen(this.#socket);
  }

  get isOpen(): boolean {
    return this.#failure === null && !this.#socket.destroyed;
  }

  get isLoopback(): boolean {
    return /^(127\.|::1$|::ffff:127\.)/.test(this.#socket.remoteAddress ?? '');
  }

  /** Resolves when connected, and encrypted where that comes first. */
  async connected(): Promise<void> {
    const isImplicit = this.#options.settings.tls === 'implicit';
    await this.#until(isImplicit ? 'secureConnect' : 'connect');
    const { remoteAddress, remotePort } = this.#socket;
    this.remoteAddress = `${isIP(remoteAddress ?? '') === 6 ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
    if (isImplicit) this.tls = (this.#socket as TLSSocket).getProtocol();
  }

  /** What came in clear behind the 220 was not said by the host that we are about to authenticate (CVE-2011-0411). */
  async upgrade(): Promise<void> {
    if (this.#reader.hasPartial || this.#replies.length > 0) throw new Error('bytes behind the reply to STARTTLS');
    this.#socket.removeAllListeners('data');
    this.#socket = connectTls({ socket: this.#socket, ...this.#tlsOptions() });
    this.#listen(this.#socket);
    await this.#until('secureConnect');
    this.tls = (this.#socket as TLSSocket).getProtocol();
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

  #listen(socket: Socket): void {
    socket.on('data', chunk => this.#receive(chunk));
    socket.on('error', error => this.fail(error));
    socket.on('close', () => this.fail(new Error('connection closed')));
    socket.on('end', () => this.fail(new Error('connection closed')));
  }

  #receive(chunk: Buffer): void {
    try {
      for (const { reply, lines } of this.#reader.push(chunk)) this.#deliver(reply, lines);
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

  #until(event: 'connect' | 'secureConnect'): Promise<void> {
    const { connectTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.fail(new Error(`no connection within ${connectTimeoutMs} ms`)),
        connectTimeoutMs,
      );
      this.#onFailure = error => {
        clearTimeout(timer);
        reject(error);
      };
      this.#socket.once(event, () => {
        clearTimeout(timer);
        this.#onFailure = null;
        resolve();
      });
    });
  }

  #tlsOptions() {
    const { host, verifyCertificate } = this.#options.settings;
    return {
      minVersion: 'TLSv1.2' as const,
      rejectUnauthorized: verifyCertificate,
      ...(isIP(host) ? {} : { servername: host }),
    };
  }
}
