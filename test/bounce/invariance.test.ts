import { describe, expect, test } from 'vitest';
import type { Explanation } from '../../bounce/index.ts';
import { explainReport } from '../../bounce/index.ts';
import { sourceText } from '../../bounce/mime/source.ts';
import { walkMessage } from '../../bounce/mime/walk.ts';
import { ownCorpus, sharedCorpus } from './corpus.ts';
import { reencoded, withCrlf, withLf } from './reencode.ts';

const messages = sharedCorpus() ?? ownCorpus;

/** The answer without the line numbers, which encodings move. */
function answer({ kind, results }: Explanation): unknown {
  return [kind, results.map(({ lines: _, ...result }) => result)];
}

describe('what a report says does not depend on how it travelled', () => {
  test('LF and CRLF', () => {
    for (const { bytes, file } of messages) {
      expect([file, answer(explainReport(withCrlf(bytes)))]).toEqual([file, answer(explainReport(withLf(bytes)))]);
    }
  });

  test.each(['base64', 'quoted-printable'] as const)('plain text sent as %s', encoding => {
    for (const { bytes, file } of messages) {
      const isOnePart = walkMessage(sourceText(bytes)).parts.length === 1;
      const other = isOnePart ? reencoded(bytes, encoding) : null;
      if (other) expect([file, answer(explainReport(other))]).toEqual([file, answer(explainReport(withLf(bytes)))]);
    }
  });

  test('an mbox From line and blank lines in front', () => {
    for (const { bytes, file } of messages) {
      const boxed = Buffer.concat([Buffer.from('From MAILER-DAEMON Thu Apr 29 23:34:45 2010\n\n'), bytes]);
      expect([file, answer(explainReport(boxed))]).toEqual([file, answer(explainReport(bytes))]);
    }
  });
});
