/**
 * The common shape of bounces without machine-readable part: a line that names a recipient, and lines that say why.
 * A family is data; this is the one reader for all of them.
 */
import { addressOf } from './address.ts';
import type { LineTemplate } from './line-template.ts';
import { compileTemplate, matchAny } from './line-template.ts';
import type { Reading } from './recipient.ts';
import type { ReportText } from './report-text.ts';

export interface BlockFamily {
  readonly name: string;
  /** Lower case; one of them in the report tells the family. */
  readonly marks: readonly string[];
  /** Shapes of a recipient line. */
  readonly recipients: readonly string[];
  /** Blanks allowed in front of a recipient line, [least, most]; any where absent. */
  readonly indent?: readonly [number, number];
  /** Recipients stand only behind a line that holds one of these. */
  readonly from?: readonly string[];
  /** A line that begins or holds one of these ends the list. */
  readonly until?: readonly string[];
  /** Where the reason stands: behind the recipient (until a blank line, or through blank lines), or above the list. */
  readonly reason?: 'behind' | 'through-blanks' | 'above';
  /** Least weight of evidence, where the marks alone say little; 2 if absent. */
  readonly needs?: number;
}

const maxReasonLines = 40;
const maxRecipients = 1_000;

interface Block {
  readonly address: string;
  readonly original: string | null;
  readonly lines: string[];
  readonly evidence: string;
  open: boolean;
}

export function readBlocks(family: BlockFamily, report: ReportText): Reading[] {
  const blocks: Block[] = [];
  const above: string[] = [];
  let listening = family.from === undefined;
  for (const line of report.lines) {
    const lower = line.toLowerCase();
    if (listening && family.until?.some(end => lower.includes(end))) break;
    const match = listening ? matchRecipient(family, line) : undefined;
    if (match && blocks.length < maxRecipients) blocks.push(match);
    else takeReason(family, blocks[blocks.length - 1], above, line);
    if (!listening && family.from?.some(start => lower.includes(start))) listening = true;
  }
  return blocks.map(block => readingOf(family, block, above));
}

function matchRecipient(family: BlockFamily, line: string): Block | undefined {
  const indent = line.length - line.trimStart().length;
  if (family.indent && (indent < family.indent[0] || indent > family.indent[1])) return undefined;
  const found = matchAny(templatesOf(family), collapse(line));
  if (!found) return undefined;
  return {
    address: found.address,
    original: expandedFrom(line),
    lines: [found.text],
    evidence: line.trim(),
    open: true,
  };
}

/** `<final> (expanded from <original>): …` */
function expandedFrom(line: string): string | null {
  for (const mark of ['(expanded from', '(generated from', '(original']) {
    const at = line.indexOf(mark);
    if (at !== -1) return addressOf(line.slice(at + mark.length, at + 400));
  }
  return null;
}

function takeReason(family: BlockFamily, block: Block | undefined, above: string[], line: string): void {
  if (!block || family.reason === 'above') {
    if (above.length < maxReasonLines) above.push(line);
    return;
  }
  const said = block.lines.some(one => one !== '');
  if (line.trim() === '') block.open &&= family.reason === 'through-blanks' || !said;
  else if (block.open && block.lines.length < maxReasonLines) block.lines.push(line.trim());
}

function readingOf(family: BlockFamily, block: Block, above: readonly string[]): Reading {
  const lines = family.reason === 'above' ? [...block.lines, ...above] : block.lines;
  const diagnostic = lines.filter(line => line.trim() !== '').join('\n');
  return {
    finalRecipient: block.address,
    originalRecipient: block.original,
    diagnostic: diagnostic.slice(0, 4_096),
    evidence: [
      block.evidence,
      ...block.lines.filter(line => line !== '' && !block.evidence.includes(line)).slice(0, 6),
    ],
  };
}

function collapse(line: string): string {
  return line.length > 2_000 ? '' : line.split(/\s/).filter(Boolean).join(' ');
}

const compiled = new WeakMap<BlockFamily, readonly LineTemplate[]>();

function templatesOf(family: BlockFamily): readonly LineTemplate[] {
  let templates = compiled.get(family);
  if (!templates) {
    templates = family.recipients.map(compileTemplate);
    compiled.set(family, templates);
  }
  return templates;
}
