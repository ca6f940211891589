// `postern token`, as people run it: a token is shown once, and opens the API until it is removed or over.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client } from '../support/api.ts';
import { postern, printedJson } from '../support/command-line.ts';
import { startTestGateway, type TestGateway, testEnvironment } from '../support/gateway.ts';

let gateway: TestGateway;
let environment: Record<string, string>;
const run = (...args: string[]) => postern(environment, 'token', ...args);
const statusWith = async (token: string) => (await client(gateway, `Bearer ${token}`)('GET', '/routes')).status;

beforeAll(async () => {
  gateway = await startTestGateway();
  environment = { ...testEnvironment(gateway.dataDir), DATABASE_URL: gateway.database.url };
});
afterAll(() => gateway.end());

it('add prints a token that opens the API, and remove ends it', async () => {
  const { stdout } = await run('add', 'terraform');
  const [, token] =
    /^Token terraform \(until it is removed\):\n {2}(pat_\w+)\nIt is shown this once/.exec(stdout) ?? [];
  expect(await statusWith(token!)).toBe(200);
  expect((await run('add', 'terraform')).stderr).toMatch(/^postern: there is a token terraform already/);
  expect((await run('list')).stdout).toMatch(/^terraform +read and change +valid +\S+ \S+ +\d{4}-/m);
  expect((await run('remove', 'terraform')).stdout).toBe('Removed token terraform: it opens nothing any more.\n');
  expect(await statusWith(token!)).toBe(401);
  expect((await run('list')).stdout).toMatch(/^No tokens/);
  expect((await run('list', '--all')).stdout).toMatch(/^terraform .* removed \d{4}-/m);
  expect(await run('remove', 'terraform')).toMatchObject({ code: 1, stderr: 'postern: there is no token terraform\n' });
  const rows = await gateway.rows('select secret_hash from api_tokens');
  expect(JSON.stringify(rows)).not.toContain(token!.slice(-40));
});

it('add takes a name again that was removed, a time, and --read-only', async () => {
  const [made] = await printedJson(run('add', 'terraform', '--expires', '90d', '--read-only', '--json'));
  expect(made).toMatchObject({ name: 'terraform', isReadOnly: true, token: expect.stringMatching(/^pat_/) });
  const [row] = await gateway.rows<{ days: number }>(
    `select extract(epoch from expires_at - created_at)::float / 86400 as days from api_tokens
     where name = 'terraform' and revoked_at is null`,
  );
  expect(row!.days).toBe(90);
  expect(await statusWith(made.token)).toBe(200);
  const [listed] = await printedJson(run('list', '--json'));
  expect(listed).toMatchObject({ name: 'terraform', isReadOnly: true, isValid: true, expiresAt: made.expiresAt });
  expect(listed).not.toHaveProperty('secretHash');
  await gateway.rows('update api_tokens set expires_at = now()');
  expect(await statusWith(made.token)).toBe(401);
  expect((await run('list')).stdout).toMatch(/^terraform +read +expired /m);
});

describe('add refuses', () => {
  it.each([
    [['a b'], 'a name has 1 to 255 characters without spaces and colons'],
    [['x', '--expires', 'soon'], '--expires is a duration of at most ten years: 90d, 12h'],
    [['x', '--expires', '0s'], '--expires is a duration of at most ten years: 90d, 12h'],
    [['x', '--expires', '9999d'], '--expires is a duration of at most ten years: 90d, 12h'],
  ])('%j', async (args, problem) => {
    expect(await run('add', ...args)).toMatchObject({ code: 2, stderr: `postern: ${problem}\n` });
  });
});
