// Gathers the content of one DATA command. Only CRLF.CRLF ends it; bare CR, bare LF and NUL are noticed, read over to the
// real end, and refused as a whole, so that no two hosts can disagree about where the message ended (CVE-2023-51764).

export type Collected =
  | { readonly kind: 'content'; readonly content: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'malformed'; readonly problem: string };

const END = Buffer.from('\r\n.\r\n');
/** What END may have behind it in an earlier chunk. */
const OVERLAP = END.length - 1;
/** RFC 5321 asks for 1,000; real mail has lines far beyond, and they are kept as they are. */
const MAX_LINE = 65_536;
/** Dots doubled on the wire do not count against the limit. */
const STUFFING_SLACK = 65_536;
const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const LINE_WITH_DOT = Buffer.from('\r\n.');

export class ContentCollector {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #stored = 0;
  /** Bytes of content seen, stored or not. */
  received = 0;
  /** The last bytes seen. The line before the first one ended with DATA's own CRLF. */
  #tail: Buffer = Buffer.from('\r\n');

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes held in memory. */
  get stored(): number {
    return this.#stored;
  }

  /** Takes what belongs to the content; the index behind the last dot's line, or -1 when it has not come yet. */
  push(data: Buffer): number {
    const end = this.#findEnd(data);
    this.#store(end < 0 ? data : data.subarray(0, end));
    if (end < 0) this.#tail = Buffer.concat([this.#tail, data.subarray(-OVERLAP)]).subarray(-OVERLAP);
    return end;
  }

  /** What came, once `push` has found the end. */
  finish(): Collected {
    if (this.received - STUFFING_SLACK > this.#maxBytes) return { kind: 'too-large' };
    const wire = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#stored);
    this.#chunks = [];
    // Without the last dot and its CRLF; the CRLF before the dot is the content's own.
    const stuffed = wire.subarray(0, wire.length - 3);
    const problem = contentProblem(stuffed);
    if (problem) return { kind: 'malformed', problem };
    const content = unstuff(stuffed);
    return content.length > this.#maxBytes ? { kind: 'too-large' } : { kind: 'content', content };
  }

  #findEnd(data: Buffer): number {
    const seam = Buffer.concat([this.#tail, data.subarray(0, OVERLAP)]);
    const inSeam = seam.indexOf(END);
    if (inSeam >= 0) return inSeam + END.length - this.#tail.length;
    const at = data.indexOf(END);
    return at < 0 ? -1 : at + END.length;
  }

  #store(data: Buffer): void {
    this.received += data.length;
    if (this.received - STUFFING_SLACK > this.#maxBytes) {
      this.#chunks = [];
      this.#stored = 0;
      return;
    }
    // A small window would keep alive the whole read that it is a part of.
    this.#chunks.push(data.buffer.byteLength > data.length + 4_096 ? Buffer.from(data) : data);
    this.#stored += data.length;
  }
}

/** What is wrong with the bytes, in words; null = nothing. */
export function contentProblem(wire: Buffer): string | null {
  if (wire.includes(0)) return 'NUL';
  let lineStart = 0;
  for (let lf = wire.indexOf(LF); lf >= 0; lf = wire.indexOf(LF, lineStart)) {
    if (wire[lf - 1] !== CR) return 'bare LF';
    if (lf - lineStart > MAX_LINE) return 'line too long';
    lineStart = lf + 1;
  }
  for (let cr = wire.indexOf(CR); cr >= 0; cr = wire.indexOf(CR, cr + 2)) {
    if (wire[cr + 1] !== LF) return 'bare CR';
  }
  return null;
}

/** RFC 5321 section 4.5.2: the first dot of a line that has more than it is taken away. A copy, shorter by the dots. */
function unstuff(wire: Buffer): Buffer {
  if (wire[0] !== DOT && !wire.includes(LINE_WITH_DOT)) return wire;
  const content = Buffer.allocUnsafe(wire.length);
  let start = wire[0] === DOT ? 1 : 0;
  let length = 0;
  for (let at = wire.indexOf(LINE_WITH_DOT); at >= 0; at = wire.indexOf(LINE_WITH_DOT, at + 3)) {
    length += wire.copy(content, length, start, at + 2);
    start = at + 3;
  }
  length += wire.copy(content, length, start);
  return content.subarray(0, length);
}
