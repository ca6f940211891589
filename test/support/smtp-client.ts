// A raw SMTP client: sends exactly the bytes that it is given and hands back replies as they came.
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

const ANSWER_WITHIN_MS = 10_000;

export class SmtpClient {
  #socket: Socket;
  #text = '';
  #ended = false;
  #wakeUp: () => void = () => undefined;
  /** What arrived, by read. */
  reads: string[] = [];

  static async connect(port: number, options: { tls?: ConnectionOptions; from?: string } = {}): Promise<SmtpClient> {
    const where = { host: '127.0.0.1', port, ...(options.from ? { localAddress: options.from } : {}) };
    const socket = options.tls
      ? connectTls({ ...where, rejectUnauthorized: false, ...options.tls })
      : connectTcp(where);
    await new Promise<void>((resolve, reject) => {
      socket.once(options.tls ? 'secureConnect' : 'connect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed before connected')));
    });
    return new SmtpClient(socket);
  }

  /** Connected, greeted, helloed and logged in. */
  static async login(
    port: number,
    {
      user = 'app',
      password = 'app-password',
      tls,
    }: { user?: string; password?: string; tls?: ConnectionOptions } = {},
  ): Promise<SmtpClient> {
    const client = await SmtpClient.connect(port, tls ? { tls } : {});
    await client.reply();
    await client.ask('EHLO client.example');
    const answer = await client.ask(`AUTH PLAIN ${plain(user, password)}`);
    if (answer.startsWith('235')) return client;
    client.close();
    throw new Error(`not logged in: ${answer}`);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  get protocol(): string | null {
    return (this.#socket as TLSSocket).getProtocol?.() ?? null;
  }

  /** As it stands, nothing added. */
  send(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  /** One command, its CRLF added, and the reply to it. */
  async ask(command: string): Promise<string> {
    this.send(`${command}\r\n`);
    return this.reply();
  }

  /** The next reply, its lines joined by LF; null when the server ended the connection instead. */
  async replyOrEnd(): Promise<string | null> {
    const deadline = performance.now() + ANSWER_WITHIN_MS;
    for (;;) {
      const match = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/.exec(this.#text.replaceAll('\r\n', '\n'));
      if (match) {
        this.#text = this.#text.replaceAll('\r\n', '\n').slice(match[0].length);
        return match[0].trimEnd();
      }
      if (this.#ended) return null;
      await this.#more(deadline);
    }
  }

  async reply(): Promise<string> {
    const answer = await this.replyOrEnd();
    if (answer === null) throw new Error('the server ended the connection');
    return answer;
  }

  /** A whole message; the reply to its end. Throws when it does not come that far. */
  async submit(from: string, to: readonly string[], content: string | Buffer): Promise<string> {
    for (const command of [`MAIL FROM:<${from}>`, ...to.map(address => `RCPT TO:<${address}>`)]) {
      const answer = await this.ask(command);
      if (!answer.startsWith('250')) throw new Error(`${command}: ${answer}`);
    }
    const go = await this.ask('DATA');
    if (!go.startsWith('354')) throw new Error(`DATA: ${go}`);
    this.send(content);
    this.send('.\r\n');
    return this.reply();
  }

  async startTls(options: ConnectionOptions = {}): Promise<void> {
    const answer = await this.ask('STARTTLS');
    if (!answer.startsWith('220')) throw new Error(`STARTTLS: ${answer}`);
    await this.handshake(options);
  }

  async handshake(options: ConnectionOptions = {}): Promise<void> {
    this.#socket.removeAllListeners();
    const plainSocket = this.#socket;
    const secure = connectTls({ socket: plainSocket, rejectUnauthorized: false, ...options });
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', resolve);
      secure.once('error', reject);
      secure.once('close', () => reject(new Error('closed in the handshake')));
    });
    secure.removeAllListeners();
    this.#socket = secure;
    this.#listen();
  }

  /** Resolves when the server has ended the connection; tells whatever it still said. */
  async ended(): Promise<string> {
    const deadline = performance.now() + ANSWER_WITHIN_MS;
    while (!this.#ended) await this.#more(deadline);
    return this.#text.trimEnd().replaceAll('\r\n', '\n');
  }

  /** What comes stays with the system, until its room is used up too. */
  stopReading(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    const end = () => {
      this.#ended = true;
      this.#wakeUp();
    };
    this.#socket.setNoDelay(true);
    this.#socket.on('data', chunk => {
      this.reads.push(chunk.toString());
      this.#text += chunk.toString();
      this.#wakeUp();
    });
    this.#socket.on('end', end);
    this.#socket.on('close', end);
    this.#socket.on('error', end);
  }

  #more(deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no answer; so far: ${JSON.stringify(this.#text)}`)),
        Math.max(0, deadline - performance.now()),
      );
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The initial response of AUTH PLAIN (RFC 4616). */
export function plain(user: string, password: string, authzid = ''): string {
  return base64(`${authzid}\0${user}\0${password}`);
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
