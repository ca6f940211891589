// The header without fields that are not to leave the house; every other byte of it stays.
import type { Header, HeaderField } from '../../src/mail/header.ts';

/** `removals` in the order of the header, as `readControlHeaders` has them. */
export function rewriteHeader(content: Buffer, header: Header, removals: readonly HeaderField[]): Buffer {
  const kept: Buffer[] = [];
  let position = 0;
  for (const { start, end } of removals) {
    kept.push(content.subarray(position, start));
    position = end;
  }
  kept.push(content.subarray(position, header.length));
  return Buffer.concat(kept);
}
