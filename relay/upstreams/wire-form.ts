// Content as it goes over the wire: dots at line starts doubled (RFC 5321 section 4.5.2), a CRLF at the end, the last dot.

const DOT = 0x2e;
const LF = 0x0a;
const LINE_WITH_DOT = Buffer.from('\r\n.');
const CRLF = Buffer.from('\r\n');
export const LAST_DOT = Buffer.from('.\r\n');

/** A slice for each dot costs little while they are few; 25 MB of nothing but dots were 2 GB of slices. */
const MAX_SLICES = 64;

/** Each part begins at the start of a line. Slices, not copies: most mail has no such line. */
export function toWireForm(parts: readonly Buffer[]): Buffer[] {
  const wire = parts.flatMap(part => (part.length > 0 ? stuffDots(part) : []));
  const last = wire.at(-1);
  if (last && last.at(-1) !== LF) wire.push(CRLF);
  return wire;
}

function stuffDots(part: Buffer): Buffer[] {
  const slices: Buffer[] = [];
  let start = 0;
  if (part[0] === DOT) slices.push(LAST_DOT.subarray(0, 1));
  for (let at = part.indexOf(LINE_WITH_DOT); at >= 0; at = part.indexOf(LINE_WITH_DOT, at + 2)) {
    if (slices.length >= MAX_SLICES) return [...slices, copyStuffed(part.subarray(start))];
    // Up to and with the dot; the next slice begins with that dot again.
    slices.push(part.subarray(start, at + 3));
    start = at + 2;
  }
  slices.push(part.subarray(start));
  return slices;
}

/** `rest` begins with a dot that has been doubled, or with none. */
function copyStuffed(rest: Buffer): Buffer {
  let dots = 0;
  for (let at = rest.indexOf(LINE_WITH_DOT); at >= 0; at = rest.indexOf(LINE_WITH_DOT, at + 3)) dots += 1;
  const stuffed = Buffer.allocUnsafe(rest.length + dots);
  let start = 0;
  let written = 0;
  for (let at = rest.indexOf(LINE_WITH_DOT); at >= 0; at = rest.indexOf(LINE_WITH_DOT, at + 3)) {
    written += rest.copy(stuffed, written, start, at + 3);
    stuffed[written] = DOT;
    written += 1;
    start = at + 3;
  }
  rest.copy(stuffed, written, start);
  return stuffed;
}
