/**
 * The parts of a message, flat and in order, found in one pass over the lines that begin with `--`.
 * Bounded: depth, parts and (in source.ts) bytes. Tolerant: a missing closing delimiter, a boundary that is wrong or
 * absent, parts without a header. A returned message (message/rfc822, text/rfc822-headers) is one opaque part: what
 * stands in it belongs to another mail, and a report nested there is not about our delivery.
 *
 * Delimiters are looked up whole, so that a boundary "a" inside one named "ab" cannot be taken for it.
 */

import { decodeCharset } from './charset.ts';
import { Header, parseHeader, parseParameters } from './header.ts';
import { decodeTransfer } from './transfer-encoding.ts';

const maxDepth = 100;
const maxParts = 1_000;
const maxGuesses = 8;

export interface Part {
  readonly header: Header;
  /** Lower case, `text/plain` where nothing is said. */
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly depth: number;
  /** The body's range in the source. */
  readonly start: number;
  readonly end: number;
  /** Type of the multipart around it, '' at the top; 'preamble' and 'epilogue' for text outside the parts. */
  readonly within: string;
}

export interface Message {
  readonly source: string;
  readonly header: Header;
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly parts: readonly Part[];
}

interface Level {
  readonly boundary: string;
  readonly type: string;
}

export function walkMessage(source: string): Message {
  const walk = new Walk(source);
  const root = walk.open(0, 0, '');
  walk.run();
  return { source, header: root.header, type: root.type, parameters: root.parameters, parts: walk.parts };
}

/** A part's body, transfer encoding and charset undone, at most `maxChars` raw characters of it. */
export function partText(message: Message, part: Part, maxChars = 256 * 1024): string {
  const raw = message.source.slice(part.start, Math.min(part.end, part.start + maxChars));
  return decodeCharset(
    decodeTransfer(raw, part.header.get('content-transfer-encoding')),
    part.parameters.get('charset') ?? '',
  );
}

const noHeader = new Header([]);
const noParameters: ReadonlyMap<string, string> = new Map();

/** Text before the first and behind the last delimiter: usually nothing, but broken reports put their fields there. */
function outsideParts(within: 'preamble' | 'epilogue', depth: number, start: number): Omit<Part, 'end'> {
  return { header: noHeader, type: 'text/plain', parameters: noParameters, depth, start, within };
}

function isBlank(source: string, start: number, end: number): boolean {
  return source.slice(start, Math.min(end, start + 1_000)).trim() === '' && end - start <= 1_000;
}

class Walk {
  readonly parts: Part[] = [];
  private readonly levels: Level[] = [];
  private readonly levelOf = new Map<string, number>();
  private readonly source: string;
  private leaf: Omit<Part, 'end'> | undefined;
  private position = 0;
  private guesses = 0;

  constructor(source: string) {
    this.source = source;
  }

  run(): void {
    while (this.levels.length > 0 && this.parts.length < maxParts) {
      const at = this.source.startsWith('--', this.position) ? this.position : this.nextDashes();
      if (at === -1) break;
      const newline = this.source.indexOf('\n', at);
      const lineEnd = newline === -1 ? this.source.length : newline;
      this.position = lineEnd + 1;
      this.delimiter(at, lineEnd);
      if (newline === -1) break;
    }
    this.close(this.source.length);
  }

  /** Reads the header at `start`; a multipart opens a level, anything else becomes the current leaf. */
  open(start: number, depth: number, within: string): Omit<Part, 'end'> {
    const { header, bodyStart } = parseHeader(this.source, start, this.source.length);
    const { type, parameters } = parseParameters(header.get('content-type'));
    const part = { header, type: type || 'text/plain', parameters, depth, start: bodyStart, within };
    this.position = bodyStart;
    const boundary = depth < maxDepth ? this.boundaryOf(part) : undefined;
    if (boundary !== undefined) this.push({ boundary, type: part.type });
    this.leaf = boundary === undefined ? part : outsideParts('preamble', depth, bodyStart);
    return part;
  }

  private nextDashes(): number {
    const at = this.source.indexOf('\n--', Math.max(this.position - 1, 0));
    return at === -1 ? -1 : at + 1;
  }

  private delimiter(at: number, lineEnd: number): void {
    if (lineEnd - at > 400) return;
    const name = this.source.slice(at + 2, lineEnd).trimEnd();
    const opening = this.levelOf.get(name);
    const closing = opening === undefined && name.endsWith('--') ? this.levelOf.get(name.slice(0, -2)) : undefined;
    const level = opening ?? closing;
    if (level === undefined) return;
    this.close(at);
    const keep = opening === undefined ? level : level + 1;
    while (this.levels.length > keep) this.pop();
    if (opening !== undefined) this.open(lineEnd + 1, level + 1, this.levels[level]!.type);
    else this.leaf = outsideParts('epilogue', level, lineEnd + 1);
  }

  private close(end: number): void {
    const leaf = this.leaf;
    this.leaf = undefined;
    if (!leaf) return;
    const stop = Math.max(leaf.start, Math.min(end, this.source.length));
    if (leaf.header !== noHeader || !isBlank(this.source, leaf.start, stop)) this.parts.push({ ...leaf, end: stop });
  }

  private push(level: Level): void {
    this.levels.push(level);
    this.levelOf.set(level.boundary, this.levels.length - 1);
  }

  private pop(): void {
    const level = this.levels.pop();
    if (level && this.levelOf.get(level.boundary) === this.levels.length) this.levelOf.delete(level.boundary);
  }

  /** The declared boundary if it occurs, else the one that the body seems to use, else none. */
  private boundaryOf(part: {
    type: string;
    parameters: ReadonlyMap<string, string>;
    start: number;
    depth: number;
  }): string | undefined {
    const isMultipart = part.type.startsWith('multipart/');
    if (!isMultipart && part.depth > 0) return undefined;
    const declared = part.parameters.get('boundary')?.trimEnd();
    if (isMultipart && part.depth > 2) return declared || undefined;
    if (++this.guesses > maxGuesses) return isMultipart ? declared || undefined : undefined;
    if (isMultipart && declared && this.source.includes(`--${declared}`, Math.max(part.start - 1, 0))) return declared;
    return this.guessBoundary(part.start, isMultipart ? 8_000 : 400) ?? (isMultipart ? declared : undefined);
  }

  /**
   * A line `--token` followed by a line `Content-…:` is a delimiter. In a body that is said to be plain text only the
   * first lines are looked at: further down it would be the returned message's.
   */
  private guessBoundary(start: number, within: number): string | undefined {
    const head = this.source.slice(start, start + within).split('\n');
    for (let i = 0; i + 1 < head.length; i++) {
      const line = head[i]!.trimEnd();
      const isDelimiter = line.startsWith('--') && line.length > 4 && line.length < 200 && !line.includes(' ');
      if (isDelimiter && head[i + 1]!.toLowerCase().startsWith('content-')) return line.slice(2);
    }
    return undefined;
  }
}
