// Columns on a terminal. What is too long for the screen goes on below itself, at a word; piped output has one line a row.

/** Columns as wide as their widest cell; only the last one is folded. `width` is the screen's; null: no screen. */
export function layTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | null,
): readonly string[] {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)));
  const indent = widths.slice(0, -1).reduce((sum, own) => sum + own + GAP.length, 0);
  const room = width === null ? null : width - indent;
  return [header, ...rows].flatMap(row => {
    const [first = '', ...others] = fold(row.at(-1) ?? '', room);
    const cells = row.slice(0, -1).map((cell, column) => cell.padEnd(widths[column]!));
    return [[...cells, first].join(GAP).trimEnd(), ...others.map(line => `${' '.repeat(indent)}${line}`)];
  });
}

/** Lines of at most `room` characters, broken at spaces; a longer word stays whole. null, or hardly any room: one line. */
export function fold(text: string, room: number | null): readonly string[] {
  if (room === null || room < MIN_ROOM || text.length <= room) return [text];
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= room) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  for (const line of layTable(header, rows, screenWidth())) console.log(line);
}

/** null = not a screen: somebody reads it line by line, or keeps it. */
export function screenWidth(): number | null {
  return process.stdout.isTTY ? process.stdout.columns : null;
}

const GAP = '  ';
const MIN_ROOM = 16;
