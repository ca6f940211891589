// The upstream of the scenarios that must know *which* message arrived and when: latency, deferral, crashes.
// It lives in the generator's process, so that both read the same clock; it takes everything and keeps nothing.
import { createServer, type Socket } from 'node:net';

export interface Arrival {
  /** The number in `X-Bench`, or -1 for a message without. */
  readonly number: number;
  readonly recipients: number;
  /** Of the content, header included, as it came over the wire. */
  readonly bytes: number;
  /** When the final dot was read, before it is answered. */
  readonly atMs: number;
}

export interface Sink {
  /** Transactions finished so far. */
  received(): number;
  stop(): Promise<void>;
}

const END_OF_DATA = Buffer.from('\r\n.\r\n');
const HEADER_BYTES = 16_384;
const HELLO = '250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 0\r\n';

export interface SinkPlan {
  /** One of 127.0.0.0/8: several sinks can share a port. */
  readonly host?: string;
  /** How long each reply takes, as if the upstream were that far away. */
  readonly replyMs?: number;
}

export async function startSink(
  port: number,
  onArrival: (arrival: Arrival) => void = () => {},
  { host = '127.0.0.1', replyMs = 0 }: SinkPlan = {},
): Promise<Sink> {
  const sockets = new Set<Socket>();
  let received = 0;
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const taken = (arrival: Arrival) => {
      received += 1;
      onArrival(arrival);
    };
    new SinkSession(socket, taken, replyMs);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: 1024 }, resolve);
  });
  return {
    received: () => received,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

class SinkSession {
  readonly #socket: Socket;
  readonly #onArrival: (arrival: Arrival) => void;
  readonly #replyMs: number;
  #unread: Buffer = Buffer.alloc(0);
  #isInData = false;
  #header = '';
  #recipients = 0;
  #bytes = 0;
  /** Replies to everything in one read leave in one write. */
  #replies = '';

  constructor(socket: Socket, onArrival: (arrival: Arrival) => void, replyMs: number) {
    this.#socket = socket;
    this.#onArrival = onArrival;
    this.#replyMs = replyMs;
    this.#say('220 sink.example ESMTP\r\n');
    socket.on('data', chunk => this.#read(chunk));
  }

  #read(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    while (this.#isInData ? this.#readContent() : this.#readCommand());
    if (this.#replies === '') return;
    this.#say(this.#replies);
    this.#replies = '';
  }

  #say(replies: string): void {
    if (this.#replyMs === 0) this.#socket.write(replies);
    else setTimeout(() => this.#socket.writable && this.#socket.write(replies), this.#replyMs);
  }

  /** False when more bytes are needed. */
  #readCommand(): boolean {
    const end = this.#unread.indexOf('\n');
    if (end < 0) return false;
    const verb = this.#unread.toString('latin1', 0, 4).toUpperCase();
    // At DATA the line's own CRLF stays: it makes a dot on the very first line look like any other.
    this.#unread = this.#unread.subarray(verb === 'DATA' ? end - 1 : end + 1);
    this.#answer(verb);
    return true;
  }

  #answer(verb: string): void {
    if (verb === 'MAIL') this.#recipients = 0;
    if (verb === 'RCPT') this.#recipients += 1;
    if (verb === 'EHLO') this.#replies += HELLO;
    else if (verb === 'DATA') this.#beginContent();
    else if (verb === 'QUIT') this.#socket.end('221 2.0.0 bye\r\n');
    else this.#replies += '250 2.0.0 ok\r\n';
  }

  #beginContent(): void {
    this.#isInData = true;
    this.#header = '';
    this.#bytes = 0;
    this.#replies += '354 go on\r\n';
  }

  #readContent(): boolean {
    const end = this.#unread.indexOf(END_OF_DATA);
    this.#keepHeader(end < 0 ? this.#unread.length : end);
    if (end < 0) {
      // The mark may be cut anywhere, so its length less one stays for the next read.
      const done = Math.max(0, this.#unread.length - END_OF_DATA.length + 1);
      this.#bytes += done;
      this.#unread = this.#unread.subarray(done);
      return false;
    }
    this.#unread = this.#unread.subarray(end + END_OF_DATA.length);
    this.#isInData = false;
    this.#replies += '250 2.0.0 taken\r\n';
    const bytes = this.#bytes + end;
    const number = Number(/^X-Bench: (\d+)/im.exec(this.#header)?.[1] ?? -1);
    this.#onArrival({ number, recipients: this.#recipients, bytes, atMs: performance.now() });
    return true;
  }

  /** The few bytes that are kept for the next read come twice: between header fields that does no harm worth a copy. */
  #keepHeader(end: number): void {
    if (this.#header.length < HEADER_BYTES)
      this.#header += this.#unread.toString('latin1', 0, Math.min(end, HEADER_BYTES));
  }
}
