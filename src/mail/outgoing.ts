// A message as it leaves the house: our fields in front, then the content as it came, without the fields that were meant
// for us. The content itself is never altered.
import type { HeaderField } from './header.ts';

/** Slices, each beginning at the start of a line; `omitted` as `omittedRanges` gives them. */
export function outgoingParts(traceHeader: string, content: Buffer, omitted: readonly number[]): Buffer[] {
  const parts: Buffer[] = [Buffer.from(traceHeader)];
  let start = 0;
  for (let i = 0; i < omitted.length; i += 2) {
    if (omitted[i]! > start) parts.push(content.subarray(start, omitted[i]));
    start = omitted[i + 1]!;
  }
  parts.push(content.subarray(start));
  return parts;
}

/** Ranges as start, end, start, end, …; neighbours are joined. Fields come in the order in which they stand. */
export function omittedRanges(fields: readonly HeaderField[]): number[] {
  const ranges: number[] = [];
  for (const { start, end } of fields) {
    if (ranges.at(-1) === start) ranges[ranges.length - 1] = end;
    else ranges.push(start, end);
  }
  return ranges;
}
