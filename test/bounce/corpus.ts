/** The labelled corpora: the project's own, and the larger shared one where a checkout has it beside. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ExpectedRow {
  readonly recipient: string | null;
  readonly recipientAccept?: readonly string[];
  readonly status: string | null;
  readonly statusAccept?: readonly string[];
  readonly reason: string | null;
  readonly reasonAccept?: readonly string[];
  readonly hard: boolean | null;
  readonly hardDisputed?: boolean;
  readonly feedbackType?: string;
}

export interface LabelledMessage {
  readonly file: string;
  readonly kind: 'dsn' | 'nonstandard' | 'arf' | 'vacation' | 'not-a-bounce';
  readonly expected: readonly ExpectedRow[];
  readonly bytes: Buffer;
}

export const ownCorpus = readCorpus(fileURLToPath(new URL('../corpus/bounces', import.meta.url)));

const sharedDirectory = fileURLToPath(new URL('../../../shared/corpus/bounces', import.meta.url));

/** Undefined, with a printed reason, where the checkout has no shared corpus beside it. */
export function sharedCorpus(): readonly LabelledMessage[] | undefined {
  if (existsSync(join(sharedDirectory, 'labels.jsonl'))) return readCorpus(sharedDirectory);
  console.info('skipped: no shared corpus at ../shared/corpus/bounces; the project has its own 40 messages');
  return undefined;
}

function readCorpus(directory: string): LabelledMessage[] {
  const lines = readFileSync(join(directory, 'labels.jsonl'), 'utf8').split('\n').filter(Boolean);
  return lines.map(line => {
    const label = JSON.parse(line) as Omit<LabelledMessage, 'bytes'>;
    return { ...label, bytes: readFileSync(join(directory, 'files', label.file)) };
  });
}

export function acceptedRecipients(row: ExpectedRow): string[] {
  return [row.recipient, ...(row.recipientAccept ?? [])].filter(one => one !== null).map(one => one.toLowerCase());
}
