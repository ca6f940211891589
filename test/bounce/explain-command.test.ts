import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const runner = fileURLToPath(new URL('explain-runner.ts', import.meta.url));
const bounce =
  'From: MAILER-DAEMON@qm.example\nSubject: failure notice\n\nHi. This is the qmail-send program at qm.example.\n\n<joe@example.org>:\n550 5.1.1 no such user\n\n--- Below this line is a copy of the message.\n';
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-explain-'));
  mkdirSync(join(directory, 'in', 'deep'), { recursive: true });
  writeFileSync(join(directory, 'in', 'one.eml'), bounce);
  writeFileSync(join(directory, 'in', 'deep', 'two.eml'), 'From: joe@example.org\nSubject: Hello\n\nHi\n');
  const from = 'From MAILER-DAEMON Thu Apr 29 23:34:45 2010\n';
  writeFileSync(join(directory, 'box'), `${from}${bounce}\n${from}${bounce}`);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(args: readonly string[], input = ''): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [runner, 'bounce', 'explain', ...args], {
    input,
    encoding: 'utf8',
    cwd: directory,
  });
}

const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>);

describe('postern bounce explain', () => {
  test('--json: one object a message, with the documented fields', () => {
    const [line] = jsonLines(run(['--json', 'in/one.eml']).stdout);
    expect(line).toMatchObject({ file: 'in/one.eml', kind: 'nonstandard' });
    const [result] = line!.results as Record<string, unknown>[];
    expect(result).toMatchObject({
      recipient: 'joe@example.org',
      status: '5.1.1',
      replycode: '550',
      action: 'failed',
      reason: 'no_mailbox',
      hard: true,
      rule: 'no-mailbox',
      diagnostic: '550 5.1.1 no such user',
    });
  });

  test('a directory: every file below it, named relative to it; --quiet adds the speed', () => {
    const lines = jsonLines(run(['--json', '--quiet', 'in']).stdout);
    expect(lines.slice(0, 2).map(line => [line.file, line.kind])).toEqual([
      ['deep/two.eml', 'not-a-bounce'],
      ['one.eml', 'nonstandard'],
    ]);
    expect(lines[2]).toEqual({ meta: { messages: 2, seconds: expect.any(Number) } });
  });

  test('an mbox: each message of it', () => {
    expect(jsonLines(run(['--json', 'box']).stdout).map(line => line.file)).toEqual(['box#1', 'box#2']);
  });

  test('standard input', () => {
    expect(jsonLines(run(['--json', '-'], bounce).stdout)[0]).toMatchObject({ file: '-', kind: 'nonstandard' });
  });

  test('a file that cannot be read: a line on stderr, the rest goes on, exit 1', () => {
    const { status, stdout, stderr } = run(['--json', 'absent.eml', 'in/one.eml']);
    expect([status, jsonLines(stdout).length]).toEqual([1, 1]);
    expect(stderr).toContain('absent.eml');
  });

  test('for people: verdict and the lines that show it, with their numbers', () => {
    const text = execFileSync(process.execPath, [runner, 'bounce', 'explain', 'in/one.eml'], {
      encoding: 'utf8',
      cwd: directory,
    });
    expect(text).toContain('joe@example.org');
    expect(text).toContain('hard: the address is bad');
    expect(text).toContain('7 | 550 5.1.1 no such user');
  });

  test('control characters of a stranger do not reach the terminal', () => {
    const text = run(['-'], bounce.replace('no such user', 'no such user \x1b[2J\x1b]0;x\x07')).stdout;
    expect(text).toContain('no such user');
    expect(text).not.toContain('\x07');
    expect(text).not.toContain('\x1b');
  });

  test('no file named: exit is not 0', () => {
    expect(run([]).status).not.toBe(0);
  });
});
