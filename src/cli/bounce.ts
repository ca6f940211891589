/**
 * `postern bounce explain FILE…`: what a bounce says, and which lines say so. Reads files, directories, mboxes and
 * standard input; touches no database. A file that cannot be read costs a line on stderr and exit code 1, not the rest.
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ExplainedRecipient, Explanation } from '../../bounce/index.ts';
import { explainReport } from '../../bounce/index.ts';
import { registerReports } from './bounce-report.ts';
import { expand, splitMbox } from './mail-files.ts';

interface ExplainOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function registerBounce(program: Command): void {
  const bounce = program.command('bounce').description('understand bounces, feedback reports and automatic replies');
  bounce
    .command('explain')
    .description('say what a returned message means: recipients, reason, hard or soft, and the lines that show it')
    .argument('<file...>', 'message files, directories, mboxes, or - for standard input')
    .option('--json', 'one JSON object a line')
    .option('-q, --quiet', 'only what is asked for: no lines of evidence; with --json, a last line with the speed')
    .action((files: string[], options: ExplainOptions) => {
      if (!explainFiles(files, options)) process.exitCode = 1;
    });
  registerReports(bounce);
}

/** False if any file could not be read. */
function explainFiles(files: readonly string[], options: ExplainOptions): boolean {
  const started = performance.now();
  let messages = 0;
  let readable = true;
  for (const source of files.flatMap(expand)) {
    try {
      for (const one of splitMbox(source.name, readFileSync(source.path === '-' ? 0 : source.path))) {
        messages += 1;
        print(one.name, explainReport(one.bytes), options);
      }
    } catch (error) {
      readable = false;
      process.stderr.write(`postern: cannot read ${source.name}: ${(error as Error).message}\n`);
    }
  }
  const seconds = (performance.now() - started) / 1000;
  if (options.json && options.quiet) process.stdout.write(`${JSON.stringify({ meta: { messages, seconds } })}\n`);
  return readable;
}

function print(name: string, explanation: Explanation, options: ExplainOptions): void {
  process.stdout.write(
    options.json
      ? `${JSON.stringify(jsonOf(name, explanation))}\n`
      : readable(name, explanation, options.quiet === true),
  );
}

function jsonOf(file: string, { kind, format, results }: Explanation): object {
  return { file, kind, format, results };
}

const kindNames: Readonly<Record<Explanation['kind'], string>> = {
  dsn: 'delivery status notification',
  nonstandard: 'bounce without machine-readable part',
  arf: 'feedback report (complaint)',
  'auto-reply': 'automatic reply, not a bounce',
  'not-a-bounce': 'ordinary mail, not a bounce',
};

function readable(name: string, { kind, format, results }: Explanation, brief: boolean): string {
  const head = `${name}\n  ${kindNames[kind]}${format === 'none' ? '' : `, read as ${format}`}\n`;
  return `${head}${results.map(result => readableResult(result, brief)).join('')}\n`;
}

function readableResult(result: ExplainedRecipient, brief: boolean): string {
  const codes = [result.replycode, result.status].filter(code => code !== null).join(' ');
  const verdict = result.hard ? 'hard: the address is bad' : 'no reason to give up the address';
  const lines = [
    `  ${printable(result.recipient ?? '(recipient not named)')}`,
    `    ${result.action}, ${result.reason}${codes === '' ? '' : ` (${codes})`} - ${verdict}`,
    `    by rule ${result.rule}, confidence ${Math.round(result.confidence * 100)} %`,
  ];
  const shown = brief
    ? []
    : result.lines.map(({ line, text }) => `    ${String(line ?? '-').padStart(5)} | ${printable(text.slice(0, 160))}`);
  return `${[...lines, ...shown].join('\n')}\n`;
}

/** What strangers wrote must not drive the terminal: control characters are shown as dots. */
function printable(text: string): string {
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '·');
}
