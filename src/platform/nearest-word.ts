// The word that was probably meant, for complaints about unknown ones.

/** Of `words`, the one that `text` becomes by the fewest slips, if they are few; case and hyphens are none. */
export function nearestWord(text: string, words: Iterable<string>): string | null {
  let nearest: string | null = null;
  let fewest = text.length / 3 + 1;
  for (const word of words) {
    const slips = countSlips(bare(text), bare(word), fewest);
    if (slips < fewest) [nearest, fewest] = [word, slips];
  }
  return nearest;
}

function bare(text: string): string {
  return text.toLowerCase().replace(/[-_]/g, '');
}

/** Letters left out, added, changed, or swapped with their neighbour (optimal string alignment); `most` ends it early. */
function countSlips(from: string, to: string, most: number): number {
  if (Math.abs(from.length - to.length) >= most) return most;
  let [before, row]: number[][] = [[], Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const isSame = from[i - 1] === to[j - 1];
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const changed = row![j - 1]! + (isSame ? 0 : 1);
      const swapped = isSwapped ? before![j - 2]! + 1 : changed;
      next.push(Math.min(row![j]! + 1, next[j - 1]! + 1, changed, swapped));
    }
    [before, row] = [row, next];
  }
  return row!.at(-1)!;
}
