// Messages as people hand them over: files, directories, mboxes, standard input.
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

export type MailFile = { readonly name: string; readonly path: string };

/** A directory stands for all files below it, named relative to it. */
export function expand(path: string): MailFile[] {
  if (path === '-' || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [{ name: path, path }];
  return filesBelow(path).map(file => ({ name: relative(path, file), path: file }));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return entry.isFile() && !entry.name.startsWith('.') ? [path] : [];
    });
}

/** A file that begins with `From ` and holds further such lines behind blank ones is a mailbox: NAME#1, NAME#2, … */
export function splitMbox(name: string, bytes: Buffer): { name: string; bytes: Buffer }[] {
  if (!bytes.subarray(0, 5).equals(Buffer.from('From '))) return [{ name, bytes }];
  const starts = [0];
  for (const mark of ['\n\nFrom ', '\r\n\r\nFrom ']) {
    for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + 1)) {
      const start = at + mark.length - 5;
      if (isFromLine(bytes, start)) starts.push(start);
    }
  }
  starts.sort((a, b) => a - b);
  if (starts.length === 1) return [{ name, bytes }];
  return starts.map((start, index) => ({
    name: `${name}#${index + 1}`,
    bytes: bytes.subarray(start, starts[index + 1]),
  }));
}

/** `From joe@example.org Thu Apr 29 23:34:45 2010`: ends with a year or a zone, holds a time. */
function isFromLine(bytes: Buffer, start: number): boolean {
  const end = bytes.indexOf('\n', start);
  const line = bytes.subarray(start, Math.min(end === -1 ? bytes.length : end, start + 300)).toString('latin1');
  return /\d:\d\d/.test(line) && /(19|20)\d\d/.test(line);
}
