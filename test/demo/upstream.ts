// An SMTP server that answers by script: what a provider does on a bad day, at a chosen moment. Takes mail otherwise and
// remembers what came.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** What to say instead of yes; `hang-up` ends the connection without a word. Null = yes. */
export type Script = {
  readonly mail?: () => string | null;
  readonly rcpt?: (address: string) => string | null;
  /** After the last dot. */
  readonly final?: () => string | null;
};

export type Arrival = { readonly subject: string; readonly recipients: readonly string[] };

export class ScriptedUpstream {
  readonly name: string;
  readonly arrived: Arrival[] = [];
  script: Script = {};
  #port = 0;
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();

  static async open(name: string): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(name);
    await upstream.revive();
    return upstream;
  }

  private constructor(name: string) {
    this.name = name;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens, on the same port each time. */
  async revive(): Promise<void> {
    this.#server = createServer(socket => this.#serve(socket)).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as { port: number }).port;
  }

  /** Closes the port and cuts off whoever is connected. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    if (server) await new Promise(resolve => server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const conversation = new Conversation(this, socket);
    let rest = '';
    socket.on('data', chunk => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n');
      rest = lines.pop()!;
      for (const line of lines) conversation.hear(line);
    });
    socket.write(`220 ${this.name}.example ESMTP\r\n`);
  }
}

class Conversation {
  readonly #upstream: ScriptedUpstream;
  readonly #socket: Socket;
  #hasSender = false;
  #recipients: string[] = [];
  #content: string[] | null = null;

  constructor(upstream: ScriptedUpstream, socket: Socket) {
    this.#upstream = upstream;
    this.#socket = socket;
  }

  hear(line: string): void {
    if (this.#content) this.#hearContent(this.#content, line);
    else this.#hearCommand(line);
  }

  #hearCommand(line: string): void {
    const { script } = this.#upstream;
    switch (line.split(/[ :]/)[0]!.toUpperCase()) {
      case 'EHLO':
        return this.#say(`250-${this.#upstream.name}.example\r\n250-PIPELINING\r\n250 8BITMIME`);
      case 'MAIL': {
        const refusal = script.mail?.() ?? null;
        this.#hasSender = refusal === null;
        this.#recipients = [];
        return this.#say(refusal ?? '250 2.1.0 Ok');
      }
      case 'RCPT': {
        if (!this.#hasSender) return this.#say('503 5.5.1 MAIL comes before RCPT');
        const address = /<(.*?)>/.exec(line)?.[1] ?? '';
        const refusal = script.rcpt?.(address) ?? null;
        if (!refusal) this.#recipients.push(address);
        return this.#say(refusal ?? '250 2.1.5 Ok');
      }
      case 'DATA':
        if (this.#recipients.length === 0) return this.#say('503 5.5.1 No valid recipients');
        this.#content = [];
        return this.#say('354 Go ahead');
      case 'QUIT':
        this.#say('221 2.0.0 Bye');
        this.#socket.end();
        return;
      default:
        return this.#say('250 2.0.0 Ok');
    }
  }

  #hearContent(content: string[], line: string): void {
    if (line !== '.') {
      content.push(line);
      return;
    }
    this.#content = null;
    const refusal = this.#upstream.script.final?.() ?? null;
    if (refusal) return this.#say(refusal);
    const subject = content.find(field => field.startsWith('Subject: '))?.slice('Subject: '.length) ?? '';
    this.#upstream.arrived.push({ subject, recipients: this.#recipients });
    this.#say(`250 2.0.0 Ok, message ${this.#upstream.arrived.length} at ${this.#upstream.name}`);
  }

  #say(reply: string): void {
    if (reply === 'hang-up') this.#socket.destroy();
    else this.#socket.write(`${reply}\r\n`);
  }
}
