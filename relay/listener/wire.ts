// The byte side of a session: command lines and message content out of whatever pieces TCP delivers. Stands in for
// smtp-server's own parser, which scans content byte by byte, takes a bare LF for a line end and keeps the dot of `.x`.
// Each command waits until the one before it has been answered; the socket is not read meanwhile.
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import { type Collected, ContentCollector } from './content-collector.ts';

const MAX_COMMAND = 2_048;
/** RFC 4954 section 4. */
const MAX_AUTH_LINE = 12_288;
/** Of one over-long line, read over before the session is ended (THREATS 10). */
const MAX_SKIPPED = 65_536;
const LF = 0x0a;
const CR = 0x0d;

export type LineProblem = 'too-long' | 'endless' | 'bare-line-end' | 'control-character';

export type WireHandlers = {
  /** Called around a run of commands, so that their replies leave in one write. */
  readonly cork: () => void;
  readonly uncork: () => void;
  readonly onBadLine: (problem: LineProblem, resume: () => void) => void;
  /** More content has come; resolves when the next may be read. null = go on at once. */
  readonly onProgress: (collector: ContentCollector) => Promise<void> | null;
  readonly onContent: (collected: Collected, resume: () => void) => void;
};

type Next = (error?: Error | null) => void;

export class Wire extends SMTPStream {
  readonly #handlers: WireHandlers;
  #data: Buffer = Buffer.alloc(0);
  #chunkLength = 0;
  #next: Next | null = null;
  #collector: ContentCollector | null = null;
  /** A command or a message is being answered. */
  #waiting = false;
  /** The rest of an over-long line is being read over. */
  #skipping = false;
  #skipped = 0;
  /** The line that AUTH is waiting for may be as long as AUTH's own. */
  expectsAuthLine = false;

  constructor(handlers: WireHandlers) {
    super();
    this.#handlers = handlers;
  }

  /** Whether bytes have come that no command has taken yet. */
  get hasUnread(): boolean {
    // The stream counts the chunk at hand until it is done with.
    return this.#data.length > 0 || this.writableLength > this.#chunkLength;
  }

  /** Whether the client waits for us, not we for the client. */
  get isAnswering(): boolean {
    return this.#waiting;
  }

  /** From the next byte on it is content, until the last dot. */
  startContent(maxBytes: number): void {
    this.#collector = new ContentCollector(maxBytes);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding | 'buffer', next: Next): void {
    this.#data = this.#data.length === 0 ? chunk : Buffer.concat([this.#data, chunk]);
    this.#chunkLength = chunk.length;
    this.#next = next;
    this.#run();
  }

  /** smtp-server would run an unfinished line as a command when the connection ends. */
  override _flushData(): void {}

  #run(): void {
    this.#handlers.cork();
    try {
      while (!this.#waiting && !this.isClosed && this.#step());
    } catch (error) {
      // Thrown out of here it would come up in the socket's own event, and end the process: it ends this session.
      this.isClosed = true;
      this.destroy(error as Error);
    }
    this.#handlers.uncork();
    if (this.isClosed) this.#data = Buffer.alloc(0);
    if (!this.#waiting) this.#readOn();
  }

  #readOn(): void {
    const next = this.#next;
    this.#next = null;
    next?.();
  }

  /** One line or piece of content; false when more bytes are needed. */
  #step(): boolean {
    if (this.#data.length === 0) return false;
    return this.#collector ? this.#takeContent(this.#collector) : this.#takeLine();
  }

  #takeContent(collector: ContentCollector): boolean {
    const end = collector.push(this.#data);
    this.#data = end < 0 ? Buffer.alloc(0) : this.#data.subarray(end);
    if (end >= 0) {
      this.#collector = null;
      this.#await(resume => this.#handlers.onContent(collector.finish(), resume));
      return true;
    }
    const pause = this.#handlers.onProgress(collector);
    if (pause) this.#await(resume => void pause.then(resume, resume));
    return true;
  }

  #takeLine(): boolean {
    const lf = this.#data.indexOf(LF);
    const length = lf < 0 ? this.#data.length : lf + 1;
    if (this.#skipping || length > this.#maxLine()) return this.#skipLine(lf);
    if (lf < 0) return false;
    const line = this.#data.subarray(0, lf);
    this.#data = this.#data.subarray(lf + 1);
    const problem = lineProblem(line);
    if (problem) this.#await(resume => this.#handlers.onBadLine(problem, resume));
    else this.#await(resume => this.oncommand(line.subarray(0, -1), resume));
    return true;
  }

  #skipLine(lf: number): boolean {
    const length = lf < 0 ? this.#data.length : lf + 1;
    this.#skipped = this.#skipping ? this.#skipped + length : length;
    this.#skipping = lf < 0;
    this.#data = this.#data.subarray(length);
    const problem = this.#skipped > MAX_SKIPPED ? 'endless' : 'too-long';
    if (lf >= 0 || problem === 'endless') this.#await(resume => this.#handlers.onBadLine(problem, resume));
    return lf >= 0;
  }

  #maxLine(): number {
    const isAuth = this.#data.toString('latin1', 0, 5).toUpperCase() === 'AUTH ';
    return isAuth || this.expectsAuthLine ? MAX_AUTH_LINE : MAX_COMMAND;
  }

  /** Runs what answers by calling back, now or later. */
  #await(answer: (resume: () => void) => void): void {
    this.#waiting = true;
    let sync = true;
    let resumed = false;
    answer(() => {
      if (resumed) return;
      resumed = true;
      this.#waiting = false;
      if (!sync) this.#run();
    });
    sync = false;
  }
}

/** `line` is what stands before the LF. */
function lineProblem(line: Buffer): LineProblem | null {
  if (line.length === 0 || line[line.length - 1] !== CR || line.indexOf(CR) < line.length - 1) return 'bare-line-end';
  for (let i = 0; i < line.length - 1; i += 1) {
    const byte = line[i]!;
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return 'control-character';
  }
  return null;
}
