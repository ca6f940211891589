// `postern suppression policy …`: what bounces lead to, as an operator sets and sees it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postern, printedJson } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

const run = (...args: string[]) => postern({ DATABASE_URL: database.url }, 'suppression', 'policy', ...args);
const json = (...args: string[]) => printedJson(run(...args, '--json'));

it('set makes a policy or changes what is named of it, list shows what holds, remove takes it away', async () => {
  expect((await run('list')).stdout).toMatch(
    /^OF +HARD BOUNCE +STRIKES +WITHIN +SUPPRESS FOR\nall mail +90d \(default\) +3 \(default\) +14d \(default\) +30d \(default\)\n$/,
  );
  const made = await run('set', '--tenant', 'default', '--stream', 'bulk', '--hard-for', 'never');
  const scope = 'Policy of tenant default, stream bulk';
  expect(made).toEqual({
    ...{ code: 0, stderr: '' },
    stdout: `${scope}: a hard bounce never suppresses, 3 strikes within 14d do for 30d.\n`,
  });
  const changed = await run('set', '--stream', 'bulk', '--tenant', 'default', '--strikes', '1', '--strikes-for', '36h');
  expect(changed.stdout).toBe(`${scope}: a hard bounce never suppresses, a strike suppresses for 1d 12h.\n`);
  expect(await json('set', '--hard-for', '30d', '--strikes-within', '7d', '--strikes', 'default')).toEqual([
    {
      ...{ tenantId: null, stream: null, hardForMs: 2_592_000_000 },
      ...{ strikes: null, strikesWithinMs: 604_800_000, strikesForMs: null },
    },
  ]);

  const { stdout } = await run('list');
  expect(stdout.split('\n').slice(1)).toEqual([
    expect.stringMatching(/^tenant default, stream bulk +never +1 +14d \(default\) +1d 12h$/),
    expect.stringMatching(/^all mail +30d +3 \(default\) +7d +30d \(default\)$/),
    '',
  ]);
  expect(await json('list')).toMatchObject([{ tenantId: 'default', hardForMs: 'never' }, { hardForMs: 2_592_000_000 }]);

  expect((await run('remove')).stdout).toBe('Removed the policy of all mail.\n');
  expect((await run('list')).stdout).toMatch(/^all other mail +90d \(default\)/m);
  const gone = { tenantId: 'default', stream: 'bulk', removed: true };
  expect(await json('remove', '--tenant', 'default', '--stream', 'bulk')).toEqual([gone]);
  expect(await json('list')).toEqual([]);
});

it.each([
  [['set'], 2, 'postern: say what follows: --hard-for, --strikes, --strikes-within or --strikes-for'],
  [['set', '--tenant', 'default'], 2, 'postern: say what follows'],
  [['set', '--tenant', 'nobody', '--strikes', '2'], 1, 'postern: there is no tenant nobody\n'],
  [['set', '--stream', 'fast', '--strikes', '2'], 2, "argument 'fast' is invalid"],
  [['set', '--hard-for', 'ever'], 2, 'postern: --hard-for ever is no duration (example: --hard-for 30d)\n'],
  [['set', '--hard-for', '0d'], 2, 'postern: --hard-for 0d: from a minute to 730d\n'],
  [['set', '--hard-for', '731d'], 2, 'postern: --hard-for 731d: from a minute to 730d\n'],
  [['set', '--strikes-within', 'never'], 2, 'postern: --strikes-within never is no duration'],
  [['set', '--strikes-for', '5s'], 2, 'postern: --strikes-for 5s: from a minute to 730d\n'],
  [['set', '--strikes', '0'], 2, 'postern: --strikes 0 is no whole number from 1 to 1000\n'],
  [['set', '--strikes', '1001'], 2, 'postern: --strikes 1001 is no whole number'],
  [['set', '--strikes', '1e2'], 2, 'postern: --strikes 1e2 is no whole number'],
  [['remove', '--stream', 'bulk'], 1, 'postern: there is no policy of stream bulk\n'],
  [['remove', '--tenant', 'default'], 1, 'postern: there is no policy of tenant default\n'],
])('%j: exit %i, %s', async (args, code, said) => {
  const outcome = await run(...args);
  expect(outcome.stderr).toContain(said);
  expect(outcome.code).toBe(code);
  expect(outcome.stderr).not.toMatch(/\n\s+at /);
});
