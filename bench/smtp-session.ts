// One SMTP client connection for the generator: as little work per command as Node allows, because the generator
// shares the machine's cores with the relay that it measures. Writes ready-made buffers, reads only reply codes.
//
// A reply of any code is a value. Only a lost connection, or silence for REPLY_TIMEOUT_MS, is thrown.
import { connect, type Socket } from 'node:net';
import { connect as secure } from 'node:tls';

export interface Reply {
  readonly code: number;
  /** The last line, for people. */
  readonly text: string;
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface SessionPlan {
  readonly port: number;
  readonly startTls: boolean;
  readonly login?: Login | undefined;
}

const REPLY_TIMEOUT_MS = 60_000;
const HELLO = command('EHLO bench.example');
const START_TLS = command('STARTTLS');
const QUIT = command('QUIT');

export class SmtpSession {
  #socket: Socket;
  #unread = '';
  #awaited = 0;
  #settle: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | null = null;
  #lost: Error | null = null;
  /** Stands for the refused one of a pipelined group, where only the last reply would otherwise be seen. */
  #refusal: Reply | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  /** Connects, greets, and does STARTTLS and AUTH as planned; throws when any of these is refused. */
  static async open(plan: SessionPlan): Promise<SmtpSession> {
    const session = new SmtpSession(connect({ host: '127.0.0.1', port: plan.port, noDelay: true }));
    try {
      expect(await session.#nextReply(1), 220, 'greeting');
      expect(await session.exchange(HELLO), 250, 'EHLO');
      if (plan.startTls) await session.#startTls();
      if (plan.login) expect(await session.exchange(authPlain(plan.login)), 235, 'AUTH');
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** Sends the bytes and waits for so many replies. The answer is the last one, or the first that is 4xx or 5xx. */
  exchange(bytes: Buffer, replies = 1): Promise<Reply> {
    if (this.#lost) return Promise.reject(this.#lost);
    this.#socket.write(bytes);
    return this.#nextReply(replies);
  }

  async quit(): Promise<void> {
    try {
      await this.exchange(QUIT);
    } catch {
      // The work is done; a server that hangs up without saying goodbye is none of our business.
    }
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #startTls(): Promise<void> {
    expect(await this.exchange(START_TLS), 220, 'STARTTLS');
    this.#socket.removeAllListeners();
    // The certificate is one made for this run: there is nobody to vouch for it, and nothing but loopback to protect.
    this.#socket = secure({ socket: this.#socket, rejectUnauthorized: false });
    this.#listen(this.#socket);
    expect(await this.exchange(HELLO), 250, 'EHLO after STARTTLS');
  }

  #nextReply(replies: number): Promise<Reply> {
    this.#awaited = replies;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (this.#lost) reject(this.#lost);
    });
  }

  #listen(socket: Socket): void {
    socket.setTimeout(REPLY_TIMEOUT_MS, () => {
      if (this.#settle) socket.destroy(new Error(`no reply within ${REPLY_TIMEOUT_MS / 1000} s`));
    });
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#read(chunk));
    socket.on('error', error => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('connection closed by the relay')));
  }

  #read(chunk: string): void {
    this.#unread += chunk;
    for (let end = this.#unread.indexOf('\n'); end >= 0; end = this.#unread.indexOf('\n')) {
      const line = this.#unread.slice(0, end);
      this.#unread = this.#unread.slice(end + 1);
      if (line[3] !== '-') this.#took({ code: Number(line.slice(0, 3)), text: line.trimEnd() });
    }
  }

  #took(reply: Reply): void {
    // Nobody asked: the relay says goodbye, and the next exchange is told so.
    if (!this.#settle) this.#lost ??= new Error(reply.text);
    if (reply.code >= 400) this.#refusal ??= reply;
    this.#awaited -= 1;
    if (this.#awaited > 0) return;
    const answer = this.#refusal ?? reply;
    const settle = this.#settle;
    this.#refusal = null;
    this.#settle = null;
    settle?.resolve(answer);
  }

  #fail(error: Error): void {
    this.#lost ??= error;
    this.#settle?.reject(this.#lost);
    this.#settle = null;
  }
}

export function command(line: string): Buffer {
  return Buffer.from(`${line}\r\n`, 'latin1');
}

function authPlain(login: Login): Buffer {
  return command(`AUTH PLAIN ${Buffer.from(`\0${login.user}\0${login.password}`).toString('base64')}`);
}

function expect(reply: Reply, code: number, what: string): void {
  if (reply.code !== code) throw new Error(`${what}: ${reply.text}`);
}
