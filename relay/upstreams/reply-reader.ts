// Replies out of a byte stream that may be hostile: lines and replies are bounded, anything malformed is an error, and
// nothing is kept beyond the reply being read (THREATS 17).
import { parseReplyLines, type Reply } from '../../src/mail/reply.ts';

const MAX_LINE = 4_096;
const MAX_REPLY_BYTES = 65_536;
const MAX_REPLY_LINES = 100;
const LF = 0x0a;

export class ProtocolError extends Error {}

type ReadReply = { readonly reply: Reply; readonly lines: readonly string[] };

export class ReplyReader {
  #rest: Buffer | null = null;
  #lines: string[] = [];
  #bytes = 0;
  #code = 0;
  /** What is wrong behind the replies that were read last. */
  broken: ProtocolError | null = null;

  /** Whether bytes of an unfinished reply are waiting. */
  get hasPartial(): boolean {
    return this.#rest !== null || this.#lines.length > 0;
  }

  /**
   * The replies that the chunk completes. Throws `ProtocolError`; what was said before the error stands, and then it is
   * `broken`: a message that was taken is not to be sent again because of what follows in the same packet.
   */
  push(chunk: Buffer): ReadReply[] {
    const replies: ReadReply[] = [];
    try {
      this.#read(chunk, replies);
    } catch (error) {
      if (replies.length === 0) throw error;
      this.broken = error as ProtocolError;
    }
    return replies;
  }

  #read(chunk: Buffer, replies: ReadReply[]): void {
    const data = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    let start = 0;
    for (let end = data.indexOf(LF); end >= 0; end = data.indexOf(LF, start)) {
      const complete = this.#takeLine(data, start, end);
      if (complete) replies.push(complete);
      start = end + 1;
    }
    if (data.length - start > MAX_LINE) throw new ProtocolError(`reply line longer than ${MAX_LINE} bytes`);
    this.#rest = start < data.length ? Buffer.from(data.subarray(start)) : null;
  }

  #takeLine(data: Buffer, start: number, end: number): ReadReply | null {
    this.#bytes += end - start;
    if (end - start > MAX_LINE) throw new ProtocolError(`reply line longer than ${MAX_LINE} bytes`);
    if (this.#bytes > MAX_REPLY_BYTES || this.#lines.length >= MAX_REPLY_LINES)
      throw new ProtocolError('endless reply');
    const line = data.toString('utf8', start, end).replace(/\r$/, '');
    const match = /^([2-5]\d\d)(?:([ -])(.*))?$/s.exec(line);
    if (!match) throw new ProtocolError(`not an SMTP reply: ${JSON.stringify(line.slice(0, 80))}`);
    const code = Number(match[1]);
    if (this.#lines.length > 0 && code !== this.#code) throw new ProtocolError('reply lines with different codes');
    this.#code = code;
    this.#lines.push(match[3] ?? '');
    return match[2] === '-' ? null : this.#finish();
  }

  #finish() {
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    return { reply: parseReplyLines(this.#code, lines), lines };
  }
}
