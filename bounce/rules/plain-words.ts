import { foldWords } from './phrase-matcher.ts';

const maxWords = 4_096;

/** Without addresses and codes, which stand in the middle of phrases ("550-5.1.1 does 550-5.1.1 not exist"). */
export function plainWords(text: string): string {
  const cut = text.length > maxWords ? text.slice(0, maxWords) : text;
  const kept: string[] = [];
  for (const token of cut.split(/\s/)) {
    const word = token.length > 4 && /^[245]\d\d-/.test(token) ? token.slice(4) : token;
    const plain = word.includes('@') ? aroundAddress(word) : word;
    if (plain !== '' && !isCode(plain)) kept.push(plain);
  }
  return foldWords(kept.join(' ')).replaceAll('unknown address error', '');
}

/** `found:<a@b>,unknown` and `found:a@b` keep what stands around the address. */
function aroundAddress(word: string): string {
  const at = word.indexOf('@');
  let start = at;
  while (start > 0 && !addressEdges.includes(word[start - 1]!)) start--;
  let end = at;
  while (end < word.length && !addressEdges.includes(word[end]!)) end++;
  return `${word.slice(0, start)} ${word.slice(end)}`.replaceAll(/[<>()"']/g, ' ').trim();
}

const addressEdges = '<>()[]{},;:="\'';

function isCode(word: string): boolean {
  return /^[245]\d\d$/.test(word) || /^#?[245]\.\d{1,3}\.\d{1,3}$/.test(word);
}
