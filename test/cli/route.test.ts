// `postern route …`: rules as an operator sets and sees them.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { postern, printedJson } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
beforeEach(() => database.rows('delete from routes'));
afterAll(() => database.drop());

const ROUTES = [{ name: 'codes', when: { tag: 'otp' }, to: 'first' }];

const run = (...args: string[]) => runWith('first,second', ...args);
const runWith = (names: string, ...args: string[]) =>
  postern(
    {
      DATABASE_URL: database.url,
      POSTERN_UPSTREAMS: names.replace(/\w+/g, name => `null://?name=${name}`),
      POSTERN_ROUTES: JSON.stringify(ROUTES),
    },
    'route',
    ...args,
  );

it('set makes a rule; another one changes where it goes and leaves for which mail', async () => {
  const made = await run('set', 'outlook', '--recipient-domain', 'outlook.com', '*.outlook.com', '--to', 'first');
  expect(made.stdout).toBe('Route outlook: recipient-domain=outlook.com|*.outlook.com takes first.\n');
  const changed = await run('set', 'outlook', '--to', 'second');
  expect(changed.stdout).toBe('Route outlook: recipient-domain=outlook.com|*.outlook.com takes second.\n');
  const other = await run('set', 'outlook', '--stream', 'bulk', '--to', 'second');
  expect(other.stdout).toBe('Route outlook: stream=bulk takes second.\n');
});

it('set on a rule of the settings stands in its place, for the same mail', async () => {
  expect((await run('set', 'codes', '--to', 'second')).stdout).toBe('Route codes: tag=otp takes second.\n');
  expect(await printedJson(run('list', '--json'))).toMatchObject([
    { name: 'codes', source: 'by hand', when: { tag: ['otp'] }, to: ['second'] },
    { name: 'default' },
  ]);
});

it('a rule for all mail has to say so', async () => {
  const unsaid = await run('set', 'rest', '--to', 'first');
  expect([unsaid.code, unsaid.stderr]).toEqual([1, expect.stringContaining('say which mail rest is for: --stream')]);
  expect((await run('set', 'rest', '--everything', '--to', 'first')).stdout).toBe(
    'Route rest: everything takes first.\n',
  );
  const both = await run('set', 'rest', '--everything', '--tag', 'x', '--to', 'first');
  expect([both.code, both.stderr]).toEqual([2, 'postern: --everything is without --tag\n']);
});

it('a rule whose upstreams are gone is passed over, by list and by test', async () => {
  await run('set', 'keep', '--tag', 'k', '--to', 'second');
  const { stdout } = await runWith('first', 'list');
  expect(stdout).toMatch(/^keep +tag=k +nothing +by hand$/m);
  expect(stdout).toContain('Left out: ');
  const test = await runWith('first', 'test', '--from', 'a@example.com', '--to', 'b@example.net', '--tag', 'k');
  expect(test.stdout).toBe('Rule default (last resort): mail to example.net takes first.\n');
});
