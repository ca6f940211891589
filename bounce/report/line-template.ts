/**
 * Recipient lines described as data: `'Unknown user: {addr}'`, `'{addr} on {text}'`. Literals match without regard to
 * case on a line whose blanks are collapsed. One pass, no backtracking: each hole ends where its own scanner ends.
 */
import { scanAddress } from './address.ts';

export interface LineMatch {
  readonly address: string;
  /** What stood in `{text}`. */
  readonly text: string;
}

type Piece =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'addr' }
  | { readonly kind: 'text' };

export type LineTemplate = readonly Piece[];

export function compileTemplate(template: string): LineTemplate {
  return template
    .split(/(\{addr\}|\{text\})/)
    .filter(piece => piece !== '')
    .map(piece => {
      if (piece === '{addr}') return { kind: 'addr' };
      return piece === '{text}' ? { kind: 'text' } : { kind: 'literal', text: piece.toLowerCase() };
    });
}

export function matchLine(template: LineTemplate, line: string): LineMatch | undefined {
  const lower = line.toLowerCase();
  let at = 0;
  let address = '';
  let text = '';
  for (let i = 0; i < template.length; i++) {
    const piece = template[i]!;
    if (piece.kind === 'literal') {
      if (!lower.startsWith(piece.text, at)) return undefined;
      at += piece.text.length;
    } else if (piece.kind === 'addr') {
      const found = scanAddress(line, at);
      if (!found) return undefined;
      address = found.address;
      at = found.end;
    } else {
      const next = template[i + 1];
      const end = next?.kind === 'literal' ? lower.indexOf(next.text, at) : line.length;
      if (end === -1) return undefined;
      text = line.slice(at, end).trim();
      at = end;
    }
  }
  return at >= line.length ? { address, text } : undefined;
}

/** First template that fits the whole line. */
export function matchAny(templates: readonly LineTemplate[], line: string): LineMatch | undefined {
  if (line.length > 2_000 || !line.includes('@')) return undefined;
  for (const template of templates) {
    const match = matchLine(template, line);
    if (match) return match;
  }
  return undefined;
}
