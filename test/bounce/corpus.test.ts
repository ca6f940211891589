import { describe, expect, test } from 'vitest';
import type { ExplainedRecipient } from '../../bounce/index.ts';
import { explainReport } from '../../bounce/index.ts';
import type { LabelledMessage } from './corpus.ts';
import { acceptedRecipients, ownCorpus, sharedCorpus } from './corpus.ts';

const isFailure = ({ action }: ExplainedRecipient): boolean => ['failed', 'expired', 'delayed'].includes(action);

describe('real messages are read as a person reads them', () => {
  test.each(ownCorpus.map(message => [message.file, message] as const))('%s', (_, message) => {
    const { kind, results } = explainReport(message.bytes);
    if (message.kind === 'not-a-bounce') expect(kind).toBe('not-a-bounce');
    if (message.kind === 'vacation') expect(kind).toBe('auto-reply');
    if (message.kind === 'arf') expect(kind).toBe('arf');
    for (const row of message.expected) {
      const found = results.find(one => matches(row, one)) ?? (row.recipient === null ? results[0] : undefined);
      expect(found, `recipient ${row.recipient}`).toBeDefined();
      if (row.status !== null) expect([row.status, ...(row.statusAccept ?? [])]).toContain(found!.status);
      if (row.hard !== null && row.hardDisputed !== true) expect(found!.hard).toBe(row.hard);
      if (row.reason !== null && message.kind !== 'arf')
        expect([row.reason, ...(row.reasonAccept ?? [])]).toContain(found!.reason);
      if (row.feedbackType) expect(found!.feedbackType).toBe(row.feedbackType);
    }
  });
});

const corpus = sharedCorpus() ?? [];
const corpusOnly = corpus.length > 0 ? '' : ' (skipped: needs the corpus, which is not in this repository)';

describe(`on the whole shared corpus${corpusOnly}`, () => {
  const bounces = corpus.filter(message => message.kind === 'dsn' || message.kind === 'nonstandard');
  const rows = bounces.flatMap(message => judge(message));

  test.skipIf(corpus.length === 0)('at least 99 % of the failed recipients are named, and nobody else', () => {
    const labelled = rows.filter(({ row }) => row.recipient !== null);
    expect(labelled.filter(({ found }) => found).length / labelled.length).toBeGreaterThanOrEqual(0.99);
    expect(bounces.flatMap(bystanders)).toEqual([]);
  });

  test.skipIf(corpus.length === 0)(
    'hard and soft are right for at least 98 %, and at most 2 % of the good addresses are called hard',
    () => {
      const clear = rows.filter(({ row }) => row.hard !== null && row.hardDisputed !== true);
      const good = clear.filter(({ row }) => row.hard === false);
      expect(clear.filter(({ row, found }) => found?.hard === row.hard).length / clear.length).toBeGreaterThanOrEqual(
        0.98,
      );
      expect(good.filter(({ found }) => found?.hard === true).length / good.length).toBeLessThanOrEqual(0.02);
    },
  );

  test.skipIf(corpus.length === 0)('no ordinary mail is taken for a bounce', () => {
    const ordinary = corpus.filter(message => message.kind === 'not-a-bounce');
    expect(
      ordinary.filter(message => explainReport(message.bytes).results.some(isFailure)).map(message => message.file),
    ).toEqual([]);
  });
});

function judge(
  message: LabelledMessage,
): { row: LabelledMessage['expected'][number]; found: ExplainedRecipient | undefined }[] {
  const { results } = explainReport(message.bytes);
  return message.expected.map(row => ({
    row,
    found: results.find(one => matches(row, one)) ?? (row.recipient === null ? results[0] : undefined),
  }));
}

function bystanders(message: LabelledMessage): string[] {
  const accepted = message.expected.flatMap(acceptedRecipients);
  const named = explainReport(message.bytes).results.map(one => one.recipient?.toLowerCase() ?? '');
  return named.filter(one => one !== '' && !accepted.includes(one)).map(one => `${message.file}: ${one}`);
}

function matches(row: LabelledMessage['expected'][number], one: ExplainedRecipient): boolean {
  return acceptedRecipients(row).includes(one.recipient?.toLowerCase() ?? '');
}
