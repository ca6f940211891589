import { describe, expect, it } from 'vitest';
import { fold, layTable } from '../../src/cli/table.ts';

const HEADER = ['ID', 'WHY'];
const ROWS = [
  ['1', 'the quota of five messages a minute is used up'],
  ['22', 'no'],
];

describe('a table', () => {
  it('has one line a row where there is no screen, however long', () => {
    expect(layTable(HEADER, ROWS, null)).toEqual([
      'ID  WHY',
      '1   the quota of five messages a minute is used up',
      '22  no',
    ]);
  });

  it('folds its last column on a screen, below where it began', () => {
    expect(layTable(HEADER, ROWS, 28)).toEqual([
      'ID  WHY',
      '1   the quota of five',
      '    messages a minute is',
      '    used up',
      '22  no',
    ]);
  });

  it('has no spaces at the ends of lines, and takes empty and missing cells', () => {
    expect(layTable(['A', 'B'], [['x', ''], ['longer']], 80)).toEqual(['A       B', 'x', 'longer']);
    expect(layTable(HEADER, [], 80)).toEqual(['ID  WHY']);
  });
});

describe('folding', () => {
  it.each<[string, number | null, readonly string[]]>([
    ['', 20, ['']],
    ['fits just in here', 17, ['fits just in here']],
    ['fits just in here!', 17, ['fits just in', 'here!']],
    ['aWordThatIsLongerThanTheRoom and more', 20, ['aWordThatIsLongerThanTheRoom', 'and more']],
    ['hardly any room left for it', 10, ['hardly any room left for it']],
    ['no screen at all, so one line', null, ['no screen at all, so one line']],
  ])('%j in %s', (text, room, lines) => {
    expect(fold(text, room)).toEqual(lines);
  });
});
