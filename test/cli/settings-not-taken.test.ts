// A gateway whose postern.yaml is changed while it runs, and the change is none: one line says why, and nothing else changes.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postern, posternStart } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let directory: string;
let environment: Record<string, string>;
let gateway: Awaited<ReturnType<typeof posternStart>>;

beforeAll(async () => {
  database = await cloneDatabase();
  directory = await mkdtemp(join(tmpdir(), 'settings-'));
  environment = {
    ...{ DATABASE_URL: database.url, POSTERN_DATA_DIR: directory, POSTERN_CONFIG: join(directory, 'postern.yaml') },
    ...{ POSTERN_SMTP_PORT: '0', POSTERN_HTTP_PORT: 'off' },
  };
  await write('smtp://127.0.0.1:1?name=main');
  gateway = await posternStart(environment);
});
afterAll(async () => {
  await gateway.end();
  await rm(directory, { recursive: true });
  await database.drop();
});

const write = (upstreams: string) => writeFile(environment.POSTERN_CONFIG!, `POSTERN_UPSTREAMS: ${upstreams}\n`);

it.each([
  ['what is no YAML', '[', /^POSTERN_CONFIG: \S+ cannot be read: /],
  ['two mistakes', 'smtp://127.0.0.1#x,smtp://me@127.0.0.1', /a # .*; .* a user and no password/],
  ['a CA file that is not there', 'smtp://127.0.0.1?ca=/no/such', /^POSTERN_UPSTREAMS: ca=\/no\/such cannot be used: /],
])('%s is told in one line', async (_title, upstreams, reason) => {
  const before = gateway.log().length;
  await write(upstreams);
  gateway.tell('SIGHUP');
  const told = () =>
    gateway
      .log()
      .slice(before)
      .split('\n')
      .find(line => line.includes('"settings-not-taken"'));
  await expect.poll(told, { timeout: 10_000 }).toBeDefined();
  const { level, ...line } = JSON.parse(told()!);
  expect([level, line.reason]).toEqual(['error', expect.stringMatching(reason)]);
  expect(Object.keys(line)).toEqual(['time', 'event', 'reason', 'msg']);
});

it('and a start with a CA file that is not there', async () => {
  await write('smtp://127.0.0.1?ca=/no/such');
  const { code, stderr } = await postern({ ...environment, POSTERN_LOG_LEVEL: 'silent' }, 'start');
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^postern: .*\n$/)]);
});
