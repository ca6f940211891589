/**
 * Finds which of many phrases occur in a text, in one pass (Aho-Corasick), so that the cost does not grow with the rules
 * and no input can make it slow. A phrase begins where a word begins; `…` in it stands
 * for up to 80 characters, `|` at its end for the end of a word.
 */

const maxGap = 80;

interface Phrase {
  readonly pieces: readonly string[];
  readonly wordStart: boolean;
  readonly wordEnd: boolean;
}

interface Node {
  readonly next: Map<number, Node>;
  fail: Node | undefined;
  /** Literals that end here, including those of the failure chain. */
  ends: number[];
}

export class PhraseMatcher {
  private readonly phrases: Phrase[] = [];
  private readonly literals = new Map<string, number>();
  /** Literal → phrases that begin with it. */
  private readonly heads: number[][] = [];
  private readonly root: Node = newNode();
  private built = false;

  /** Returns the phrase's number, by which `find` reports it. */
  add(phrase: string): number {
    const marked = phrase.startsWith('|');
    const wordEnd = phrase.endsWith('|');
    const pieces = phrase
      .slice(marked ? 1 : 0, wordEnd ? -1 : undefined)
      .split('…')
      .map(piece => foldWords(piece).trim());
    const wordStart = marked || /^[a-z0-9]/.test(pieces[0]!);
    const id = this.phrases.push({ pieces, wordStart, wordEnd }) - 1;
    this.heads[this.literal(pieces[0]!)]!.push(id);
    return id;
  }

  /** Numbers of all phrases in `text`, which must have gone through `foldWords`. */
  find(text: string): Set<number> {
    if (!this.built) this.build();
    const found = new Set<number>();
    let node = this.root;
    for (let i = 0; i < text.length; i++) {
      node = step(node, text.charCodeAt(i), this.root);
      for (const literal of node.ends) this.check(literal, text, i + 1, found);
    }
    return found;
  }

  private literal(text: string): number {
    const known = this.literals.get(text);
    if (known !== undefined) return known;
    let node = this.root;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      let next = node.next.get(code);
      if (!next) {
        next = newNode();
        node.next.set(code, next);
      }
      node = next;
    }
    const id = this.literals.size;
    this.literals.set(text, id);
    this.heads[id] = [];
    node.ends.push(id);
    return id;
  }

  private check(literal: number, text: string, end: number, found: Set<number>): void {
    for (const id of this.heads[literal]!) {
      if (!found.has(id) && fits(this.phrases[id]!, text, end)) found.add(id);
    }
  }

  /** Breadth first, so that a node's failure link is complete before its children ask for it. */
  private build(): void {
    const queue: Node[] = [this.root];
    for (let i = 0; i < queue.length; i++) {
      const node = queue[i]!;
      for (const [code, child] of node.next) {
        child.fail = node === this.root ? this.root : step(node.fail ?? this.root, code, this.root);
        child.ends = child.ends.concat(child.fail.ends);
        queue.push(child);
      }
    }
    this.built = true;
  }
}

function newNode(): Node {
  return { next: new Map(), fail: undefined, ends: [] };
}

function step(from: Node, code: number, root: Node): Node {
  let node: Node | undefined = from;
  while (node) {
    const next = node.next.get(code);
    if (next) return next;
    node = node === root ? undefined : (node.fail ?? root);
  }
  return root;
}

/** The first piece ended at `end`; the others must follow, each within the gap. */
function fits(phrase: Phrase, text: string, end: number): boolean {
  if (phrase.wordStart && isWordChar(text.charCodeAt(end - phrase.pieces[0]!.length - 1))) return false;
  let at = end;
  for (let i = 1; i < phrase.pieces.length; i++) {
    const piece = phrase.pieces[i]!;
    const next = text.slice(at, at + maxGap + piece.length).indexOf(piece);
    if (next === -1) return false;
    at += next + piece.length;
  }
  return !phrase.wordEnd || !isWordChar(text.charCodeAt(at));
}

function isWordChar(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || (code > 191 && code < 0x530);
}

/** The form in which phrases and texts are compared: lower case, `-` and `_` as blanks, single blanks, "email". */
export function foldWords(text: string): string {
  const lower = text.toLowerCase().replaceAll('’', "'").replaceAll('-', ' ').replaceAll('_', ' ');
  return lower.split(/\s/).filter(Boolean).join(' ').replaceAll('e mail', 'email');
}
