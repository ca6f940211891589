// A scripted SMTP upstream on a raw socket: says what the script tells it to at each stage, hostile things included, and
// keeps the exact bytes of each message. Not built on smtp-server: that is what we listen with, and it would agree with us.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { loadCertificate } from '../../src/platform/tls-certificate.ts';

/** A reply line or lines (CRLF added), exact bytes, or something worse. */
export type Answer =
  | string
  | { readonly raw: string | Buffer }
  | { readonly say: string; readonly thenClose: true }
  | 'CLOSE'
  | 'HANG';

/** One for every time, or a list that is used up: its last one then stays. */
export type Answers = Answer | readonly Answer[];

export type Script = {
  banner?: Answers;
  /** Keywords behind the greeting line of EHLO, or something else altogether. */
  extensions?: readonly string[];
  ehlo?: Answers;
  helo?: Answers;
  /** STARTTLS is offered; `inject` says more in clear behind the 220, `garbage` breaks the handshake. */
  startTls?: 'works' | 'inject' | 'garbage' | Answers;
  implicitTls?: boolean;
  /** AUTH is offered, with these mechanisms, and works for this user only. */
  auth?: { user: string; password: string; mechanisms?: string; refusal?: string };
  /** Access tokens are taken for this user; others are told why in a challenge, and refused after its answer. */
  oauth?: { user: string; token: string; mechanisms: string };
  mail?: Answers;
  /** By recipient; `*` for all others. */
  rcpt?: Readonly<Record<string, Answers>>;
  data?: Answers;
  /** As soon as content begins to come. */
  content?: Answers;
  /** Stops reading as soon as content begins to come. */
  stopsReading?: boolean;
  final?: Answers;
  rset?: Answers;
  quit?: Answers;
};

export type Received = {
  readonly mail: string;
  readonly rcpts: readonly string[];
  /** Dots unstuffed, without the last dot. */
  readonly content: Buffer;
  /** As it came over the wire, the last dot's line included. */
  readonly wire: Buffer;
  readonly tls: boolean;
  readonly connection: number;
};

export type Certificate = { readonly cert: string; readonly key: string };

export const ALL_EXTENSIONS = ['PIPELINING', 'SIZE 100000000', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES'];

export class ScriptedUpstream {
  script: Script;
  readonly messages: Received[] = [];
  /** Command lines, by connection. */
  readonly conversations: string[][] = [];
  /** Reads, by connection: what one write of the client brought. */
  readonly reads: string[][] = [];
  /** Told after each message that got its positive reply. */
  onMessage: (message: Received) => void = () => undefined;
  /** Told where each connection comes from. */
  onConnection: (remoteAddress: string) => void = () => undefined;
  #server: Server | null = null;
  #sockets = new Set<Socket>();
  #paused = false;
  #used = new Map<string, number>();
  #port: number;
  readonly #host: string;
  readonly #certificate: Certificate;

  /** `port` 0 = any; `certificate` of its own, where somebody looks at it. */
  static async start(
    script: Script = {},
    at: { host?: string; port?: number; certificate?: Certificate } = {},
  ): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(script, at.certificate ?? (await makeCertificate()), at);
    await upstream.listen();
    return upstream;
  }

  private constructor(script: Script, certificate: Certificate, { host = '127.0.0.1', port = 0 }) {
    this.script = script;
    this.#certificate = certificate;
    this.#host = host;
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.conversations.length;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  /** For POSTERN_UPSTREAMS. */
  url(query: string, login = ''): string {
    const scheme = this.script.implicitTls ? 'smtps' : 'smtp';
    return `${scheme}://${login}${this.#host}:${this.#port}?${query}`;
  }

  /** Takes connections again, on the port that it had. */
  async listen(): Promise<void> {
    const onSocket = (socket: Socket) => this.#serve(socket);
    const server = this.script.implicitTls ? createTlsServer(this.#certificate, onSocket) : createServer(onSocket);
    server.on('tlsClientError', () => undefined);
    server.listen(this.#port, this.#host);
    await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
    this.#port = (server.address() as { port: number }).port;
    this.#server = server;
  }

  /** Refuses connections from now on, and breaks those that there are. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = null;
    if (server) await new Promise(resolve => server.close(resolve));
  }

  /** Breaks the connections that there are. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Reads nothing of what comes, on any connection, until `resume`: whoever sends waits. */
  pause(): void {
    this.#paused = true;
    for (const socket of this.#sockets) socket.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Sends bytes that nobody asked for, to all. */
  blurt(bytes: string): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  certificate(): string {
    return this.#certificate.cert;
  }

  next(stage: string, answers: Answers | undefined, otherwise: Answer): Answer {
    if (answers === undefined) return otherwise;
    if (!Array.isArray(answers)) return answers as Answer;
    const used = this.#used.get(stage) ?? 0;
    this.#used.set(stage, used + 1);
    return answers[Math.min(used, answers.length - 1)]!;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    if (this.#paused) socket.pause();
    this.onConnection(socket.remoteAddress ?? '');
    socket.on('close', () => this.#sockets.delete(socket));
    new Conversation(this, socket, this.#certificate).begin();
  }
}

async function makeCertificate(): Promise<Certificate> {
  const directory = mkdtempSync(join(tmpdir(), 'upstream-'));
  const files = { certPath: null, keyPath: null, dataDir: directory };
  const certificate = await loadCertificate({ ...files, hostname: 'upstream.test' });
  rmSync(directory, { recursive: true });
  return certificate;
}

class Conversation {
  readonly #upstream: ScriptedUpstream;
  #socket: Socket;
  readonly #certificate: Certificate;
  readonly #commands: string[] = [];
  readonly #reads: string[] = [];
  readonly #number: number;
  #data: Buffer = Buffer.alloc(0);
  #mail = '';
  #rcpts: string[] = [];
  #content: Buffer[] | null = null;
  #tls: boolean;
  #login: { step: 'user' | 'password' | 'challenged'; user: string } | null = null;
  #stopped = false;

  constructor(upstream: ScriptedUpstream, socket: Socket, certificate: Certificate) {
    this.#upstream = upstream;
    this.#socket = socket;
    this.#certificate = certificate;
    this.#tls = socket instanceof TLSSocket;
    this.#number = upstream.conversations.push(this.#commands) - 1;
    upstream.reads.push(this.#reads);
  }

  begin(): void {
    this.#listen();
    this.#say(this.#upstream.next('banner', this.#script.banner, '220 upstream.test ESMTP'));
  }

  get #script(): Script {
    return this.#upstream.script;
  }

  #listen(): void {
    this.#socket.setNoDelay(true);
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', chunk => {
      this.#reads.push(chunk.toString('latin1'));
      this.#data = Buffer.concat([this.#data, chunk]);
      while (!this.#stopped && this.#step());
    });
  }

  #step(): boolean {
    if (this.#content) return this.#takeContent(this.#content);
    const end = this.#data.indexOf('\r\n');
    if (end < 0) return false;
    const line = this.#data.toString('utf8', 0, end);
    this.#data = this.#data.subarray(end + 2);
    this.#commands.push(line);
    this.#answer(line);
    return true;
  }

  #answer(line: string): void {
    if (this.#login) return this.#takeLogin(line);
    const verb = line.split(/[ :]/, 1)[0]!.toUpperCase();
    const script = this.#script;
    const next = (stage: string, answers: Answers | undefined, otherwise: Answer) =>
      this.#say(this.#upstream.next(stage, answers, otherwise));
    switch (verb) {
      case 'EHLO':
        return next('ehlo', script.ehlo, this.#extensions());
      case 'HELO':
        return next('helo', script.helo, '250 upstream.test');
      case 'STARTTLS':
        return this.#startTls();
      case 'AUTH':
        return this.#auth(line);
      case 'MAIL': {
        const answer = this.#upstream.next('mail', script.mail, '250 2.1.0 ok');
        this.#mail = isPositive(answer) ? line : '';
        this.#rcpts = [];
        return this.#say(answer);
      }
      case 'RCPT': {
        const address = /<(.*)>/.exec(line)?.[1] ?? '';
        const key = script.rcpt && address in script.rcpt ? address : '*';
        const answer = this.#mail
          ? this.#upstream.next(`rcpt ${key}`, script.rcpt?.[key], '250 2.1.5 ok')
          : '503 5.5.1 MAIL first';
        if (isPositive(answer)) this.#rcpts.push(line);
        return this.#say(answer);
      }
      case 'DATA': {
        const answer = this.#rcpts.length
          ? this.#upstream.next('data', script.data, '354 go')
          : '554 5.5.1 no valid recipients';
        if (typeof answer === 'string' && answer.startsWith('354')) this.#content = [];
        return this.#say(answer);
      }
      case 'RSET':
        this.#mail = '';
        return next('rset', script.rset, '250 2.0.0 ok');
      case 'QUIT':
        next('quit', script.quit, '221 2.0.0 bye');
        this.#socket.end();
        return;
      default:
        return this.#say('500 5.5.2 what?');
    }
  }

  #extensions(): string {
    const { extensions = ALL_EXTENSIONS, startTls, auth, oauth } = this.#script;
    const lines = ['upstream.test', ...extensions];
    if (startTls && !this.#tls) lines.push('STARTTLS');
    if (auth) lines.push(`AUTH ${auth.mechanisms ?? 'PLAIN LOGIN'}`);
    if (oauth) lines.push(`AUTH ${oauth.mechanisms}`);
    return lines.map((line, i) => `250${i < lines.length - 1 ? '-' : ' '}${line}`).join('\r\n');
  }

  #startTls(): void {
    const { startTls } = this.#script;
    if (startTls !== 'works' && startTls !== 'inject' && startTls !== 'garbage') {
      return this.#say(this.#upstream.next('startTls', startTls, '454 4.7.0 no TLS today'));
    }
    if (startTls === 'inject') this.#socket.write('220 2.0.0 go\r\n250-upstream.test\r\n250 AUTH PLAIN\r\n');
    else this.#say('220 2.0.0 go');
    this.#socket.removeAllListeners('data');
    if (startTls === 'garbage') {
      this.#socket.once('data', () => this.#socket.end('this is no TLS\r\n'));
      return;
    }
    const secure = new TLSSocket(this.#socket, { isServer: true, ...this.#certificate });
    this.#socket = secure;
    this.#tls = true;
    this.#listen();
  }

  #auth(line: string): void {
    const [, mechanism, initial] = line.split(' ');
    if (mechanism?.toUpperCase() === 'PLAIN') {
      const [, user, password] = Buffer.from(initial ?? '', 'base64')
        .toString()
        .split('\0');
      return this.#judgeLogin(user ?? '', password ?? '');
    }
    if (this.#script.oauth) return this.#takeToken(initial ?? '');
    this.#login = { step: 'user', user: '' };
    this.#say('334 VXNlcm5hbWU6');
  }

  #takeToken(initial: string): void {
    const { user, token } = this.#script.oauth!;
    const fields = Buffer.from(initial, 'base64').toString().split('\x01');
    const isRight = fields.some(field => field === `user=${user}` || field === `n,a=${user},`);
    if (isRight && fields.includes(`auth=Bearer ${token}`)) return this.#say('235 2.7.0 welcome');
    this.#login = { step: 'challenged', user: '' };
    this.#say(`334 ${Buffer.from('{"status":"400"}').toString('base64')}`);
  }

  #takeLogin(line: string): void {
    if (this.#login!.step === 'challenged') {
      this.#login = null;
      return this.#say('535 5.7.8 token refused');
    }
    const text = Buffer.from(line, 'base64').toString();
    if (this.#login!.step === 'user') {
      this.#login = { step: 'password', user: text };
      return this.#say('334 UGFzc3dvcmQ6');
    }
    const { user } = this.#login!;
    this.#login = null;
    this.#judgeLogin(user, text);
  }

  #judgeLogin(user: string, password: string): void {
    const { auth } = this.#script;
    const fits = auth && user === auth.user && password === auth.password;
    this.#say(fits ? '235 2.7.0 welcome' : (auth?.refusal ?? '535 5.7.8 no'));
  }

  #takeContent(content: Buffer[]): boolean {
    if (this.#data.length === 0) return false;
    const { script } = { script: this.#script };
    if (script.content !== undefined) {
      this.#content = null;
      this.#stopped = true;
      this.#say(this.#upstream.next('content', script.content, '452 4.3.1 enough'));
      return false;
    }
    if (script.stopsReading) {
      this.#stopped = true;
      this.#socket.pause();
      return false;
    }
    content.push(this.#data);
    this.#data = Buffer.alloc(0);
    const all = content.length === 1 ? content[0]! : Buffer.concat(content);
    if (content.length > 1) content.splice(0, content.length, all);
    const end = all.subarray(0, 3).equals(Buffer.from('.\r\n')) ? -2 : all.indexOf('\r\n.\r\n');
    if (end === -1) return false;
    const wire = all.subarray(0, end + 5);
    this.#data = all.subarray(end + 5);
    this.#content = null;
    this.#finish(wire);
    return true;
  }

  #finish(wire: Buffer): void {
    const answer = this.#upstream.next('final', this.#script.final, '250 2.0.0 ok queued');
    const message: Received = {
      mail: this.#mail,
      rcpts: this.#rcpts,
      content: Buffer.from(wire.toString('latin1', 0, wire.length - 3).replace(/(^|\r\n)\./g, '$1'), 'latin1'),
      wire: Buffer.from(wire),
      tls: this.#tls,
      connection: this.#number,
    };
    this.#mail = '';
    this.#rcpts = [];
    // Without a reply it was taken all the same: that is what makes such an end uncertain.
    if (isPositive(answer) || answer === 'CLOSE' || answer === 'HANG') this.#upstream.messages.push(message);
    this.#say(answer);
    this.#upstream.onMessage(message);
  }

  #say(answer: Answer): void {
    if (this.#socket.destroyed) return;
    if (answer === 'CLOSE') {
      this.#stopped = true;
      this.#socket.destroy();
    } else if (answer === 'HANG') this.#stopped = true;
    else if (typeof answer === 'string') this.#socket.write(`${answer}\r\n`);
    else if ('raw' in answer) this.#socket.write(answer.raw);
    else {
      this.#stopped = true;
      this.#socket.end(`${answer.say}\r\n`);
    }
  }
}

function isPositive(answer: Answer): boolean {
  return typeof answer === 'string' && answer.startsWith('2');
}
