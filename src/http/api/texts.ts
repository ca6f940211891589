// Texts that the database takes. JSON and URLs can say U+0000 and half a surrogate pair, which PostgreSQL's text and jsonb
// cannot hold: a mistake of whoever asks, not a fault of ours.
import type { FastifyRequest } from 'fastify';
import type { Mistake } from './problems.ts';

const DETAIL = 'has a character that no text can have: U+0000, or half of a surrogate pair';

/** Nothing can have such a name. */
export function hasUnfitName({ params }: FastifyRequest): boolean {
  return unfit('path', params).length > 0;
}

export function unfitTexts({ query, body }: FastifyRequest): Mistake[] {
  return [...unfit('query', query), ...unfit('body', body)];
}

/** The first that is found. Not by recursion: a body may be nested 30,000 deep. */
function unfit(place: Mistake['in'], given: unknown): Mistake[] {
  const left: [string, unknown][] = [['', given]];
  for (let one = left.pop(); one; one = left.pop()) {
    const [path, value] = one;
    if (typeof value === 'string' && !isFit(value)) return [{ in: place, path, detail: DETAIL }];
    if (typeof value !== 'object' || value === null) continue;
    // Below what schemas know, the field is enough.
    for (const [key, inner] of Object.entries(value)) left.push([path === '' ? key : path, inner]);
  }
  return [];
}

export function isFit(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
