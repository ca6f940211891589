import { expect, it } from 'vitest';
import { nearestWord } from '../../src/platform/nearest-word.ts';

const WORDS = ['connections', 'rate', 'returnPath', 'X-Postern-Max-Age', 'POSTERN_SMTP_PORT', 'POSTERN_SMTPS_PORT'];

it.each([
  ['conections', 'connections'],
  ['ratte', 'rate'],
  ['return-path', 'returnPath'],
  ['x-postern-maxage', 'X-Postern-Max-Age'],
  ['POSTERN_SMPT_PORT', 'POSTERN_SMTP_PORT'],
  ['POSTERN_HOSTS', null],
  ['x', null],
  ['', null],
])('%s is probably %s', (text, word) => expect(nearestWord(text, WORDS)).toBe(word));
