// The examples of --help are true: each is a command that exists, with options that it has and values that it takes.
import { expect, it } from 'vitest';
import { EXAMPLES, everyCommand, pathOf } from '../../src/cli/examples.ts';
import { createProgram } from '../../src/cli/program.ts';

const all = Object.entries(EXAMPLES).flatMap(([path, examples]) => examples.map(([line]) => [line, path] as const));

it.each(all)('postern %s', async (line, path) => {
  expect(line.startsWith(path)).toBe(true);
  const program = await createProgram();
  const ran: string[] = [];
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({ writeErr: () => undefined });
    if (command.commands.length === 0) command.action(() => void ran.push(pathOf(command)));
  }
  await program.parseAsync(wordsOf(line), { from: 'user' });
  expect(ran).toEqual([path]);
});

it('belong to commands that there are, and are shown with them', async () => {
  const commands = new Map(everyCommand(await createProgram()).map(command => [pathOf(command), command]));
  expect(Object.keys(EXAMPLES).filter(path => !commands.has(path))).toEqual([]);
  const help: string[] = [];
  const writeOut = (text: string) => void help.push(text);
  commands.get('quota set')!.configureOutput({ writeOut }).outputHelp();
  expect(help.join('')).toContain(
    'Examples:\n  # one app\n  npx postern quota set --credential shop --messages 5 --per minute\n',
  );
});

it('every command says what it is for, and so does every option', async () => {
  for (const command of everyCommand(await createProgram())) {
    expect([pathOf(command), command.description()]).toEqual([pathOf(command), expect.stringMatching(/\w{3}/)]);
    for (const option of command.options) expect([option.flags, option.description]).not.toContain('');
  }
});

/** As a shell would: up to a redirection. */
function wordsOf(line: string): string[] {
  const [command = ''] = line.split(/ (?:>>|<) /);
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
}
