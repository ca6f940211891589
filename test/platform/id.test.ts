import { describe, expect, it } from 'vitest';
import { isId, newId } from '../../src/platform/id.ts';

describe('an id', () => {
  it('sorts by the time it was made', () => {
    const at = [1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000].map(newId);
    expect(at.toSorted()).toEqual(at);
    expect(at.every(isId)).toBe(true);
  });

  it('is never given twice and never goes back, within one millisecond or with a clock that does', () => {
    const now = 1_900_000_000_000;
    const ids = Array.from({ length: 50_000 }, (_, i) => newId(i % 3 === 0 ? now - 5_000 : now));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
  });

  it.each([
    '',
    '01HF7YAT00ABCDEFGHJKMNPQR',
    '01HF7YAT00ABCDEFGHJKMNPQRI',
    '81HF7YAT00ABCDEFGHJKMNPQRS',
    '01hf7yat00abcdefghjkmnpqrs',
    '01HF7YAT00ABCDEFGHJKMNPQRSX',
  ])('%j is none', text => expect(isId(text)).toBe(false));
});
